//! The end of the account that the upload belongs to. It begins with one transaction, from which on no
//! client of it is let in; the janitor removes the image, and then the user.

use super::{
    moves::{Move, Next},
    processes::Remover,
    rules::Rules,
    world::World,
    wrong::Wrong,
};

/// The state of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// The service has no accounts.
    None,
    Active,
    Leaving,
    Gone,
}

impl Account {
    /// Whether clients of it are let in.
    pub fn is_open(self) -> bool {
        matches!(self, Account::None | Account::Active)
    }
}

impl World {
    /// Whether an upload may be stored. The database refuses rows of a user who is not there at all.
    pub fn has_owner(&mut self, rules: &Rules) -> bool {
        if !self.account.is_open() && !rules.commits_need_the_owner {
            self.wrong = Some(Wrong::StoredTooLate);
        }
        self.account.is_open() || !rules.commits_need_the_owner
    }
}

impl Next<'_> {
    pub fn account(&mut self) {
        let world = self.state.world;
        match world.account {
            Account::None | Account::Gone => {}
            Account::Active => self.push(Move::AccountEnds, |state| {
                state.world.account = Account::Leaving;
            }),
            Account::Leaving => {
                let stored = world.row.filter(|row| row.stored);
                if let Some(row) = stored
                    && self.state.remover == Remover::Idle
                {
                    self.push(Move::JanitorRemoves(row.image), |state| {
                        state.remover = Remover::Remove(row.image);
                    });
                }
                let is_free = match self.rules.users_wait_for_uploads {
                    true => world.row.is_none(),
                    false => stored.is_none(),
                };
                if is_free {
                    self.push(Move::UserDeleted, |state| state.world.account = Account::Gone);
                }
            }
        }
    }
}
