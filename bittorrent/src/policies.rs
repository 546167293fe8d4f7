//! Policies by their names: on the command line, and in scenario files (with `_` for `-` there).

/// A kind of policy: all there are of it, by name.
pub trait Policy: Copy + PartialEq + 'static {
    /// What this kind decides, for messages.
    const KIND: &'static str;
    /// Each with its name and a few words on whom or what it takes. What has a size of its own stands here with the usual one.
    const ALL: &'static [(&'static str, Self, &'static str)];
    /// True if both are called the same, whatever their sizes.
    fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }

    /// Its name; nothing for one that has none, which only a program can ask for.
    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, policy, _)| policy.is_like(self)).map_or("", |(name, ..)| name)
    }

    /// The one of this name.
    ///
    /// # Errors
    /// If there is none: in words that name them all.
    fn named(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(known, ..)| *known == name);
        found.map(|(_, policy, _)| *policy).ok_or_else(|| {
            let known: Vec<String> = Self::ALL.iter().map(|(known, ..)| format!("`{known}`")).collect();
            format!("unknown {} `{name}`, expected one of {}", Self::KIND, known.join(", "))
        })
    }
}
