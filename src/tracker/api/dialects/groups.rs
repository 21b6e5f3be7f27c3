//! What is remembered of UNIT3D's groups: what each allows, and who is in it.
//!
//! The directory knows no groups. What one allows is written into its users, when they are pushed
//! and whenever the group is; so a group that changes must know them.

use crate::model::UserId;
use crate::storage::{Edit, UserEdit, UserName};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Users and groups remembered at most: more than any site has; some 40 bytes each.
const REMEMBERED_MOST: usize = 1 << 24;

/// What a group allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Torrents that a user may download at the same time; `None`: any number.
    pub slots: Option<u16>,
    /// Nothing that is downloaded counts.
    pub freeleech: bool,
    /// What is uploaded counts twice.
    pub double_upload: bool,
    /// Its users may not announce at all.
    pub barred: bool,
}

/// A user, as far as groups are concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    /// The group's number.
    pub group: i64,
    /// Nothing that donors download counts, whatever their group.
    pub donor: bool,
    /// Only shown again.
    pub lifetime: bool,
}

/// Something to be remembered, one on each line of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A group is so.
    Group(i64, Group),
    /// There is no such group.
    GroupGone(i64),
    /// A user is in a group.
    Member(UserId, Member),
    /// There is no such user.
    MemberGone(UserId),
}

/// The groups and their users.
#[derive(Clone, Default)]
pub struct Groups {
    groups: HashMap<i64, Group>,
    members: HashMap<UserId, Member>,
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (groups, members) = (self.groups.len(), self.members.len());
        write!(f, "Groups {{ {groups} of {members} }}")
    }
}

impl Groups {
    /// Remembers something; returns whether it is news.
    pub fn take(&mut self, fact: Fact) -> bool {
        match fact {
            Fact::Group(id, group) => self.groups.insert(id, group) != Some(group),
            Fact::GroupGone(id) => self.groups.remove(&id).is_some(),
            Fact::Member(id, member) => self.members.insert(id, member) != Some(member),
            Fact::MemberGone(id) => self.members.remove(&id).is_some(),
        }
    }

    /// Whether nothing more can be remembered.
    pub fn is_full(&self) -> bool {
        self.len() >= REMEMBERED_MOST
    }

    /// How much is remembered.
    pub fn len(&self) -> usize {
        self.groups.len() + self.members.len()
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All that is remembered.
    pub fn facts(&self) -> impl Iterator<Item = Fact> {
        let groups = self
            .groups
            .iter()
            .map(|(id, group)| Fact::Group(*id, *group));
        let members = self.members.iter();
        groups.chain(members.map(|(id, member)| Fact::Member(*id, *member)))
    }

    /// A user, if it is remembered.
    pub fn member(&self, id: UserId) -> Option<Member> {
        self.members.get(&id).copied()
    }

    /// The users of a group.
    pub fn members_of(&self, group: i64) -> Vec<UserId> {
        let members = self.members.iter();
        let of_group = members.filter(|(_, member)| member.group == group);
        of_group.map(|(id, _)| *id).collect()
    }

    /// What follows for a user from being who it is, and in its group. Of a group that is not known
    /// nothing follows.
    pub fn terms(&self, user: UserEdit, member: Member) -> UserEdit {
        let group = self.groups.get(&member.group);
        let free = member.donor || group.is_some_and(|group| group.freeleech);
        let percent = |special: bool, percent: u16| if special { percent } else { 100 };
        UserEdit {
            enabled: group.map(|group| !group.barred),
            slots: group.map(|group| group.slots),
            up_percent: group.map(|group| percent(group.double_upload, 200)),
            down_percent: (free || group.is_some()).then(|| percent(free, 0)),
            ..user
        }
    }

    /// The edit that tells a user what its group allows now; `None` of one that is not remembered.
    pub fn edit(&self, id: UserId) -> Option<Edit> {
        let member = self.member(id)?;
        let user = UserEdit::of(UserName::Id(id));
        Some(Edit::User(self.terms(user, member)))
    }
}
