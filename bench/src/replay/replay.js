// Plays a film: see film.rs for its form.
//
// What is on the screen is a function of one number, the clock, in seconds of showing. `Pace` turns it into the run's own time: searches last
// milliseconds and downloads minutes, so a constant speed would show nothing of the one or nothing but the other. All times of the film
// are microseconds.
'use strict';

(() => {
    const film = JSON.parse(document.getElementById('film').textContent);
    const NS = 'http://www.w3.org/2000/svg';
    const byId = (id) => document.getElementById(id);

    // How long a reel is to be shown at speed 1, in seconds, if that can be; and how many times slower than the run a search passes at most.
    const SHOWING_S = 75;
    const SLOWNESS_MAX = 14;
    // What passes of showing where nothing is under way, at most.
    const IDLE_S = 0.25;
    // How slowly time passes while messages of a purpose are under way, in parts of a search's slowness.
    const WEIGHTS = { search: 1, upkeep: 0.2, transfer: 0.05, content: 0.03 };
    const PURPOSES = ['search', 'upkeep', 'transfer', 'content'];
    const MEANINGS = {
        search: 'searches', upkeep: 'keeping the overlay', transfer: 'arranging downloads', content: 'content',
    };
    const SPEEDS = [0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32];
    // A message that never arrives is shown on its way for so long.
    const LOST_US = 150000;
    // Cells of a chunk map.
    const CELLS = 20;
    // From the middle of a node to where messages come and go.
    const EDGE = 36;
    // Of the rows of the list there is room for, the part above the event that is just now; and a row's height until there is one.
    const EVENTS_BEFORE = 0.65;
    const ROW_PX = 22;

    // The rows of a film, by name.
    const messageOf = ([link, from, to, kind, bytes, left, taken]) => ({ link, from, to, kind, bytes, left, taken });
    const chunkOf = ([link, from, to, bytes, left, taken, file, offset]) =>
        ({ link, from, to, bytes, left, taken, file, offset, purpose: 'content' });
    const linkOf = ([dialler, acceptor, dialled, opened, ended]) => ({ dialler, acceptor, dialled, opened, ended });

    /// The number of entries of a rising list that are not above a value.
    function upTo(list, value) {
        let [low, high] = [0, list.length];
        while (low < high) {
            const middle = (low + high) >> 1;
            if (list[middle] <= value) low = middle + 1; else high = middle;
        }
        return low;
    }

    /// The run's time for each moment of showing, and back: a line through points, rising in both.
    class Pace {
        constructor(things, ended) {
            const changes = [];
            for (const thing of things) {
                changes.push([thing.left, thing.purpose, 1]);
                changes.push([thing.gone, thing.purpose, -1]);
            }
            changes.sort((a, b) => a[0] - b[0]);
            const under = { search: 0, upkeep: 0, transfer: 0, content: 0 };
            const gaps = [];
            let last = 0;
            const pass = (until) => {
                if (until > last) {
                    const weight = Math.max(0, ...PURPOSES.map((purpose) => (under[purpose] > 0 ? WEIGHTS[purpose] : 0)));
                    gaps.push([last, (until - last) / 1e6, weight]);
                    last = until;
                }
            };
            for (const [at, purpose, by] of changes) {
                pass(at);
                under[purpose] += by;
            }
            pass(ended);
            const idle = (gap) => Math.min(gap, IDLE_S);
            const sum = (of) => gaps.reduce((total, gap) => total + of(gap), 0);
            const resting = sum(([, gap, weight]) => (weight === 0 ? idle(gap) : 0));
            const busy = sum(([, gap, weight]) => gap * weight);
            const slowness = busy === 0 ? 1 : Math.min(SLOWNESS_MAX, Math.max(0.5, (SHOWING_S - resting) / busy));
            this.clocks = [0];
            this.times = [0];
            let clock = 0;
            for (const [from, gap, weight] of gaps) {
                clock += weight === 0 ? idle(gap) : gap * weight * slowness;
                this.clocks.push(clock);
                this.times.push(from + gap * 1e6);
            }
            this.length = clock;
        }

        static between(xs, ys, x) {
            const above = Math.min(Math.max(1, upTo(xs, x)), xs.length - 1);
            if (xs.length < 2) return ys[0];
            const [x0, x1, y0, y1] = [xs[above - 1], xs[above], ys[above - 1], ys[above]];
            const part = x1 > x0 ? Math.min(1, Math.max(0, (x - x0) / (x1 - x0))) : 1;
            return y0 + part * (y1 - y0);
        }

        timeAt(clock) {
            return Pace.between(this.clocks, this.times, clock);
        }

        clockAt(time) {
            return Pace.between(this.times, this.clocks, time);
        }
    }

    /// Parts of a file that are there: ranges that do not touch.
    class Ranges {
        constructor() {
            this.list = [];
        }

        add(start, end) {
            const kept = [];
            for (const range of this.list) {
                if (range[1] < start || range[0] > end) kept.push(range);
                else [start, end] = [Math.min(start, range[0]), Math.max(end, range[1])];
            }
            kept.push([start, end]);
            kept.sort((a, b) => a[0] - b[0]);
            this.list = kept;
        }

        within(start, end) {
            return this.list.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(to, end) - Math.max(from, start)), 0);
        }
    }

    /// A reel with what is looked up all the time.
    class Reel {
        constructor(data) {
            this.data = data;
            this.kinds = data.kinds;
            this.links = data.links.map(linkOf);
            this.messages = data.messages.map(messageOf);
            this.messages.forEach((message) => { message.purpose = data.kinds[message.kind].purpose; });
            this.chunks = data.chunks.map(chunkOf);
            this.things = [...this.messages, ...this.chunks];
            for (const thing of this.things) thing.gone = thing.taken < 0 ? thing.left + LOST_US : thing.taken;
            this.things.sort((a, b) => a.left - b.left);
            this.lefts = this.things.map((thing) => thing.left);
            this.longest = this.things.reduce((most, thing) => Math.max(most, thing.gone - thing.left), 0);
            this.pace = new Pace(this.things, data.ended);
            const sentOf = (kind) => this.messages.filter((message) => message.kind === kind).map((message) => message.left);
            this.sent = data.kinds.map((_, kind) => sentOf(kind).sort((a, b) => a - b));
            this.chunksLeft = this.chunks.map((chunk) => chunk.left).sort((a, b) => a - b);
            this.arrivals = this.chunks.filter((chunk) => chunk.taken >= 0 && chunk.file >= 0);
            this.arrivals.sort((a, b) => a.taken - b.taken);
            this.events = this.allEvents();
            this.places = this.layOut();
            this.reset();
        }

        /// Forgets what the maps have.
        reset() {
            this.maps = this.data.files.map(() => new Ranges());
            this.arrived = 0;
        }

        /// Brings the maps to a time.
        fill(time) {
            if (this.arrived > 0 && this.arrivals[this.arrived - 1].taken > time) this.reset();
            while (this.arrived < this.arrivals.length && this.arrivals[this.arrived].taken <= time) {
                const { file, offset, bytes } = this.arrivals[this.arrived];
                this.maps[file].add(offset, offset + bytes);
                this.arrived += 1;
            }
        }

        /// What is told in the list, in order of time.
        allEvents() {
            const events = this.messages.map((message) => ({
                at: message.left, sort: message.purpose, from: message.from, to: message.to,
                text: `${this.kinds[message.kind].name}, ${message.bytes} B${message.taken < 0 ? ', never taken' : ''}`,
                name: this.kinds[message.kind].name,
            }));
            for (const [at, node, text] of this.data.notes) events.push({ at, sort: 'note', from: node, to: -1, text, name: text });
            // Of one moment: first what somebody does, then what comes of it.
            events.sort((a, b) => a.at - b.at || (b.sort === 'note') - (a.sort === 'note'));
            return events;
        }

        /// Those with a role of their own in the middle, the others on an ellipse around them.
        layOut() {
            const places = [];
            const ring = (members, rx, ry, turn) => members.forEach((node, number) => {
                const angle = turn + (2 * Math.PI * number) / members.length - Math.PI / 2;
                places[node] = { x: 600 + rx * Math.cos(angle), y: 430 + ry * Math.sin(angle) };
            });
            const numbers = this.data.nodes.map((_, node) => node);
            const hubs = numbers.filter((node) => this.data.nodes[node].role !== '');
            const others = numbers.filter((node) => this.data.nodes[node].role === '');
            if (hubs.length === 1) places[hubs[0]] = { x: 600, y: 430 };
            else ring(hubs, 170, 130, hubs.length === 2 ? Math.PI / 2 : 0);
            ring(others, 525, 375, Math.PI / Math.max(1, others.length));
            return places;
        }

        /// What to call a node in a sentence.
        label(node) {
            const { name, role } = this.data.nodes[node];
            return isServer(name) ? role : name;
        }

        /// What to call it where there is little room.
        short(node) {
            return node < 0 ? 'nobody' : this.label(node).replace(/^peer /, '');
        }
    }

    const isServer = (name) => name.startsWith('server');

    function make(parent, name, attributes, text) {
        const element = document.createElementNS(NS, name);
        for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
        if (text !== undefined) element.textContent = text;
        parent.append(element);
        return element;
    }

    const SHAPES = {
        search: 'M-9,0A9,9 0 1 0 9,0A9,9 0 1 0 -9,0Z',
        upkeep: 'M-6,0A6,6 0 1 0 6,0A6,6 0 1 0 -6,0Z',
        transfer: 'M0,-10L10,0L0,10L-10,0Z',
        content: 'M-6,-6H6V6H-6Z',
    };

    /// The picture of a reel.
    class Stage {
        constructor(reel) {
            this.reel = reel;
            for (const id of ['links', 'arrow', 'nodes', 'dots']) byId(id).replaceChildren();
            this.nodes = reel.data.nodes.map((node, number) => this.node(node, number));
            this.links = new Map();
            this.dots = new Map();
            // Which things have been on the stage; whoever tests the page asks for it.
            this.seen = new Set();
        }

        node(node, number) {
            const { x, y } = this.reel.places[number];
            const isHub = node.role !== '';
            const group = make(byId('nodes'), 'g', { class: isHub ? 'node hub' : 'node', transform: `translate(${x},${y})` });
            if (isHub) make(group, 'rect', { class: 'body', x: -34, y: -26, width: 68, height: 52, rx: 8 });
            else make(group, 'circle', { class: 'body', r: 30 });
            const name = node.name.replace(/^\D+/, isServer(node.name) ? 's' : '');
            make(group, 'text', { class: 'name' }, name);
            if (isHub) make(group, 'text', { class: 'sub', y: 44 }, node.role);
            const said = make(group, 'text', { class: 'said', y: -46 });
            const files = this.reel.data.files.map((file, at) => ({ at, node: file[0], name: file[1], size: file[2] }));
            const maps = files.filter((file) => file.node === number).map((file, row) => this.map(group, file, row, isHub));
            return { group, said, maps, node };
        }

        /// Cells of a file, of which each fills as its bytes come.
        map(group, file, row, isHub) {
            const width = 120 / CELLS;
            const top = (isHub ? 62 : 39) + 16 * row;
            const map = make(group, 'g', { class: 'map', 'data-file': file.at, visibility: 'hidden' });
            make(map, 'title', {}, file.name);
            const cells = [];
            for (let cell = 0; cell < CELLS; cell += 1) {
                const x = -60 + cell * width;
                cells.push(make(map, 'rect', { class: 'fill', x, y: top, width, height: 12, 'fill-opacity': 0 }));
            }
            make(map, 'rect', { class: 'cell', x: -60, y: top, width: 120, height: 12 });
            return { ...file, map, cells };
        }

        /// Draws what is under way between two times, the second of which is now.
        draw(before, now, selected) {
            this.reel.fill(now);
            this.drawNodes(now, selected);
            this.drawLinks(now);
            this.drawDots(Math.min(before, now), now);
            this.drawArrow(selected);
        }

        drawNodes(now, selected) {
            for (const [number, { group, said, maps, node }] of this.nodes.entries()) {
                const is = node.came < 0 || node.came > now ? 'absent' : node.went >= 0 && node.went <= now ? 'absent gone' : '';
                const talks = selected && selected.from === number ? 'talks' : '';
                group.setAttribute('class', `node ${node.role === '' ? '' : 'hub'} ${is} ${talks}`);
                said.textContent = selected && selected.sort === 'note' && selected.from === number ? shortened(selected.text) : '';
                for (const { at, size, map, cells } of maps) {
                    const there = this.reel.maps[at];
                    map.setAttribute('visibility', there.list.length > 0 ? 'visible' : 'hidden');
                    cells.forEach((cell, position) => {
                        const [start, end] = [(size * position) / CELLS, (size * (position + 1)) / CELLS];
                        cell.setAttribute('fill-opacity', (there.within(start, end) / (end - start)).toFixed(2));
                    });
                }
            }
        }

        drawLinks(now) {
            this.reel.links.forEach((link, number) => {
                const isThere = link.acceptor >= 0 && link.dialled <= now && (link.ended < 0 || link.ended > now);
                let line = this.links.get(number);
                if (!isThere) {
                    if (line) line.remove();
                    this.links.delete(number);
                    return;
                }
                if (!line) {
                    const [from, to] = [this.reel.places[link.dialler], this.reel.places[link.acceptor]];
                    line = make(byId('links'), 'line', { x1: from.x, y1: from.y, x2: to.x, y2: to.y });
                    this.links.set(number, line);
                }
                line.setAttribute('class', link.opened >= 0 && link.opened <= now ? 'link' : 'link dialling');
            });
        }

        drawDots(before, now) {
            const { things, lefts, longest, places } = this.reel;
            const shown = new Set();
            for (let at = upTo(lefts, before - longest - 1); at < things.length && lefts[at] <= now; at += 1) {
                const thing = things[at];
                if (thing.gone < before || thing.to < 0) continue;
                this.seen.add(thing);
                if (!filter[thing.purpose]) continue;
                shown.add(at);
                const part = thing.gone > thing.left ? Math.min(1, Math.max(0, (now - thing.left) / (thing.gone - thing.left))) : 1;
                const [from, to] = [places[thing.from], places[thing.to]];
                const [dx, dy] = [to.x - from.x, to.y - from.y];
                const length = Math.hypot(dx, dy) || 1;
                // From edge to edge, so that no number is hidden.
                const way = (EDGE + part * Math.max(0, length - 2 * EDGE)) / length;
                // Everybody keeps to the right, so that both directions can be told apart.
                const [x, y] = [from.x + dx * way - (9 * dy) / length, from.y + dy * way + (9 * dx) / length];
                let dot = this.dots.get(at);
                if (!dot) {
                    const isLost = thing.taken < 0 ? ' lost' : '';
                    dot = make(byId('dots'), 'path', { class: `dot ${thing.purpose}${isLost}`, d: SHAPES[thing.purpose] });
                    this.dots.set(at, dot);
                }
                dot.setAttribute('transform', `translate(${x.toFixed(1)},${y.toFixed(1)})`);
            }
            for (const [at, dot] of this.dots) {
                if (!shown.has(at)) {
                    dot.remove();
                    this.dots.delete(at);
                }
            }
        }

        /// From whom to whom the selected message goes.
        drawArrow(selected) {
            const group = byId('arrow');
            group.replaceChildren();
            if (!selected || selected.to < 0) return;
            const [from, to] = [this.reel.places[selected.from], this.reel.places[selected.to]];
            const angle = Math.atan2(to.y - from.y, to.x - from.x);
            const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
            const [x, y] = [to.x - 36 * cos, to.y - 36 * sin];
            make(group, 'line', { class: 'way', x1: from.x + 30 * cos, y1: from.y + 30 * sin, x2: x, y2: y });
            const turned = `translate(${x},${y}) rotate(${(angle * 180) / Math.PI})`;
            make(group, 'path', { class: 'head', d: 'M8,0L-10,-8L-10,8Z', transform: turned });
            const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 - 14 };
            make(group, 'text', { class: 'said', x: middle.x, y: middle.y }, selected.name);
        }
    }

    function shortened(text) {
        return text.length > 34 ? `${text.slice(0, 33)}\u2026` : text;
    }

    // What is shown: dots and rows of these.
    const filter = { search: true, upkeep: true, transfer: true, content: true, note: true };
    // The events of the list, with their numbers, and when they were.
    let listed = [];
    let listedAt = [];
    const reels = [];
    let chosen = -1;
    let stage = null;
    let clock = 0;
    let before = 0;
    let speed = 1;
    let isPlaying = false;
    // The number of reels that are still to be played, one after the other.
    let tour = 0;
    // The event that was stepped to or chosen; none while the film plays.
    let selected = -1;

    const reel = () => reels[chosen];
    const timeNow = () => reel().pace.timeAt(clock);

    function choose(number) {
        chosen = number;
        reels[number] ??= new Reel(film.reels[number]);
        reel().reset();
        stage = new Stage(reel());
        [clock, before, selected] = [0, 0, -1];
        [...byId('tabs').children].forEach((tab, at) => tab.setAttribute('aria-selected', String(at === number)));
        byId('about').textContent = reel().data.about
            + (reel().data.left_out > 0 ? ` (${reel().data.left_out} later events are not in this film)` : '');
        list();
        legend();
        draw();
    }

    /// Finds the events that are in the list.
    function list() {
        listed = reel().events.map((event, at) => ({ event, at })).filter(({ event }) => filter[event.sort]);
        listedAt = listed.map(({ event }) => event.at);
    }

    function legend() {
        const rows = [];
        for (const purpose of PURPOSES) {
            const [row, head, label, box] = ['tr', 'th', 'label', 'input'].map((name) => document.createElement(name));
            row.className = `purpose ${purpose}`;
            [box.type, box.checked] = ['checkbox', filter[purpose]];
            box.addEventListener('change', () => {
                filter[purpose] = box.checked;
                list();
                draw();
            });
            const mark = document.createElementNS(NS, 'svg');
            mark.setAttribute('viewBox', '-11 -11 22 22');
            make(mark, 'path', { class: 'mark', d: SHAPES[purpose] });
            label.append(box, mark, MEANINGS[purpose]);
            head.append(label);
            row.append(head, count(purpose === 'content' ? reel().chunksLeft : null));
            rows.push(row);
            const kinds = reel().kinds.map(({ name }, kind) => ({ name, kind }));
            for (const { name, kind } of kinds.filter((one) => reel().kinds[one.kind].purpose === purpose)) {
                if (purpose === 'content' || reel().sent[kind].length === 0) continue;
                const [line, title] = ['tr', 'th'].map((tag) => document.createElement(tag));
                [line.className, title.textContent] = ['kind', name];
                line.append(title, count(reel().sent[kind]));
                rows.push(line);
            }
        }
        document.querySelector('#legend tbody').replaceChildren(...rows);
    }

    function count(times) {
        const cell = document.createElement('td');
        cell.className = 'count';
        cell.times = times;
        return cell;
    }

    function drawLegend(time) {
        for (const cell of document.querySelectorAll('#legend td.count')) {
            if (!cell.times) continue;
            const soFar = upTo(cell.times, time);
            cell.textContent = `${soFar} of ${cell.times.length}`;
            cell.parentElement.classList.toggle('now', soFar > 0 && soFar < cell.times.length);
        }
    }

    const seconds = (us) => (us / 1e6).toFixed(3);

    function drawEvents(time) {
        const past = upTo(listedAt, time);
        const current = selected >= 0 ? listed.findIndex(({ at }) => at === selected) : past - 1;
        const middle = current >= 0 ? current : past;
        const place = byId('events');
        const room = Math.max(1, Math.floor(place.clientHeight / (place.firstChild?.offsetHeight || ROW_PX)));
        const start = Math.max(0, Math.min(middle - Math.floor(EVENTS_BEFORE * room), listed.length - room));
        const rows = listed.slice(start, start + room + 1).map(({ event, at }, row) => {
            const line = document.createElement('div');
            const isLater = start + row > middle ? 'later' : '';
            line.className = `event ${event.sort} ${isLater} ${start + row === current ? 'current' : ''}`;
            const who = event.to < 0 && event.sort === 'note' ? reel().label(event.from)
                : `${reel().short(event.from)} \u2192 ${reel().short(event.to)}`;
            for (const [name, text] of [['at', seconds(event.at)], ['who', who], ['what', event.text]]) {
                const cell = document.createElement('span');
                [cell.className, cell.textContent] = [name, text];
                line.append(cell);
            }
            line.title = `${who}: ${event.text}`;
            line.addEventListener('click', () => select(at));
            return line;
        });
        place.replaceChildren(...rows);
    }

    function draw() {
        const time = timeNow();
        stage.draw(reel().pace.timeAt(Math.min(before, clock)), time, selected >= 0 ? reel().events[selected] : null);
        drawLegend(time);
        drawEvents(time);
        const { length } = reel().pace;
        byId('scrub').value = length > 0 ? (1000 * clock) / length : 0;
        byId('time').textContent = `${seconds(time)} s of ${seconds(reel().data.ended)} s`;
        byId('play').textContent = isPlaying ? 'pause' : 'play';
        before = clock;
    }

    /// Stops at an event.
    function select(at) {
        [isPlaying, selected, tour] = [false, at, 0];
        clock = reel().pace.clockAt(reel().events[at].at);
        before = clock;
        draw();
    }

    function step(by) {
        const { events } = reel();
        const start = selected >= 0 ? selected : upTo(events.map((event) => event.at), timeNow()) - (by > 0 ? 1 : 0);
        let at = start + by;
        while (at >= 0 && at < events.length && !filter[events[at].sort]) at += by;
        if (at >= 0 && at < events.length) select(at);
    }

    function seek(to) {
        clock = Math.min(Math.max(0, to), reel().pace.length);
        [before, selected] = [clock, -1];
        draw();
    }

    function play(on) {
        if (on && clock >= reel().pace.length) seek(0);
        [isPlaying, selected] = [on, -1];
        if (!on) tour = 0;
        draw();
        if (on) nextFrame(begin);
    }

    let nextFrame = (then) => requestAnimationFrame(then);
    // Without a display nothing is refreshed.
    const byTimer = (then) => setTimeout(() => then(performance.now()), 16);

    let lastFrame = 0;
    function begin(at) {
        lastFrame = at;
        nextFrame(frame);
    }

    function frame(at) {
        if (!isPlaying) return;
        // A page that was hidden goes on where it was.
        const passed = Math.min(0.25, Math.max(0, at - lastFrame) / 1000);
        lastFrame = at;
        clock = Math.min(clock + passed * speed, reel().pace.length);
        draw();
        if (clock < reel().pace.length) {
            nextFrame(frame);
            return;
        }
        noteSeen();
        if (tour > 1) {
            tour -= 1;
            choose(chosen + 1);
            nextFrame(begin);
            return;
        }
        [isPlaying, tour] = [false, 0];
        draw();
        document.documentElement.dataset.state = 'over';
    }

    /// Plays all systems, one after the other.
    function startTour() {
        choose(0);
        play(true);
        tour = film.reels.length;
    }

    /// Leaves on the page what has been shown of this reel, as numbers: how many dots of each kind, and how full each map is.
    function noteSeen() {
        const drawn = reel().kinds.map(() => 0);
        let chunks = 0;
        for (const thing of stage.seen) {
            if (thing.purpose === 'content') chunks += 1; else drawn[thing.kind] += 1;
        }
        const full = stage.nodes.flatMap(({ maps }) => maps).sort((a, b) => a.at - b.at)
            .map(({ cells }) => cells.filter((cell) => cell.getAttribute('fill-opacity') === '1.00').length);
        const output = document.createElement('output');
        [output.className, output.hidden, output.dataset.reel] = ['seen', true, reel().data.overlay];
        output.textContent = JSON.stringify({ drawn, chunks, full });
        document.body.append(output);
    }

    function change(by) {
        const select = byId('speed');
        select.selectedIndex = Math.min(SPEEDS.length - 1, Math.max(0, select.selectedIndex + by));
        speed = SPEEDS[select.selectedIndex];
    }

    function key(event) {
        if (event.ctrlKey || event.altKey || event.metaKey || event.target.tagName === 'SELECT') return;
        const isScrub = event.target === byId('scrub');
        // Whatever has the focus is pressed by the space bar.
        if (event.key === ' ' && !isScrub && ['BUTTON', 'INPUT'].includes(event.target.tagName)) return;
        const actions = {
            ' ': () => play(!isPlaying), ArrowRight: () => step(1), ArrowLeft: () => step(-1), '+': () => change(1),
            '=': () => change(1), '-': () => change(-1), Home: () => seek(0), End: () => seek(Infinity), t: startTour,
        };
        const number = Number.parseInt(event.key, 10);
        const action = number >= 1 && number <= film.reels.length ? () => choose(number - 1) : actions[event.key];
        if (!action || (isScrub && event.key === 'Home')) return;
        event.preventDefault();
        action();
    }

    function setUp() {
        film.reels.forEach(({ overlay }, number) => {
            const tab = document.createElement('button');
            [tab.textContent, tab.role] = [overlay, 'tab'];
            tab.addEventListener('click', () => {
                tour = 0;
                choose(number);
            });
            byId('tabs').append(tab);
        });
        for (const one of SPEEDS) byId('speed').append(new Option(`${one}\u00d7`, one, one === 1, one === 1));
        byId('speed').addEventListener('change', () => { change(0); });
        byId('play').addEventListener('click', () => play(!isPlaying));
        byId('step').addEventListener('click', () => step(1));
        byId('back').addEventListener('click', () => step(-1));
        byId('scrub').addEventListener('input', (event) => seek((event.target.value / 1000) * reel().pace.length));
        document.addEventListener('keydown', key);
        window.addEventListener('resize', draw);
    }

    /// The address may say where to begin: #overlay=NAME&t=SECONDS&speed=N&play, or #tour&speed=N; with &timer the page needs no display,
    /// and with &event the next event is shown.
    function begun() {
        const asked = new URLSearchParams(location.hash.slice(1));
        if (asked.has('timer')) nextFrame = byTimer;
        const named = film.reels.findIndex(({ overlay }) => overlay === asked.get('overlay'));
        choose(Math.max(0, named));
        const wanted = SPEEDS.indexOf(Number(asked.get('speed')));
        if (wanted >= 0) {
            byId('speed').selectedIndex = wanted;
            change(0);
        }
        const at = Number.parseFloat(asked.get('t'));
        if (at >= 0) seek(reel().pace.clockAt(at * 1e6));
        if (asked.has('event')) step(1);
        if (asked.has('tour')) startTour(); else if (asked.has('play')) play(true);
    }

    setUp();
    if (film.reels.length > 0) begun();
})();
