//! How a site credits transfer.

/// Up and down, in percent.
pub type Percents = [u64; 2];

/// Neither more nor less than was moved.
pub const PLAIN: Percents = [100, 100];

/// What of the percents that hold for a transfer counts.
#[derive(Clone, Copy)]
pub enum Combination {
    Product,
    /// The most for what goes up, the least for what comes down.
    #[cfg_attr(not(feature = "mysql"), allow(dead_code, reason = "only sites there"))]
    Best,
}

/// The percents that a kind of site has room for. Products of these are whole percents in whatever
/// order they are taken, and all transfer is in whole ten thousands: nothing is ever rounded,
/// whichever announces are accounted together.
pub struct Terms {
    pub combination: Combination,
    pub everybody: Percents,
    pub users: &'static [Percents],
    pub torrents: &'static [Percents],
    /// Tokens of a user for a torrent, and how many of them there are for each user.
    pub tokens: &'static [Percents],
    pub tokens_each: u64,
    /// A token goes with the download that it is used for. What another client of its user moves
    /// afterwards depends on when the tracker hears of it, so there is none.
    pub tokens_go: bool,
    /// A token of a user for all torrents, and one for a torrent of all users.
    pub of_user: Option<Percents>,
    pub of_torrent: Option<Percents>,
}

/// How the transfer of a user with a torrent is credited.
#[derive(Clone, Copy, Debug)]
pub struct Credit {
    /// Of 100 to the number of factors.
    up: u128,
    down: u128,
    whole: u128,
    /// Whether a token has a part in it.
    pub token: bool,
}

impl Credit {
    pub fn of(combination: Combination, factors: &[Percents], token: bool) -> Credit {
        match combination {
            Combination::Product => Credit::product(factors, token),
            Combination::Best => Credit::best(factors, token),
        }
    }

    fn best(factors: &[Percents], token: bool) -> Credit {
        let of = |of: usize| factors.iter().map(move |factor| u128::from(factor[of]));
        Credit {
            up: of(0).max().expect("a factor"),
            down: of(1).min().expect("a factor"),
            whole: 100,
            token,
        }
    }

    fn product(factors: &[Percents], token: bool) -> Credit {
        let product = |of: usize| {
            factors
                .iter()
                .map(|factor| u128::from(factor[of]))
                .product()
        };
        let (up, down): (u128, u128) = (product(0), product(1));
        let whole = 100u128.pow(factors.len() as u32);
        assert!(
            up * 100 % whole == 0 && down * 100 % whole == 0,
            "{factors:?}"
        );
        Credit {
            up,
            down,
            whole,
            token,
        }
    }

    pub fn apply(&self, raw: [u64; 2]) -> [u64; 2] {
        let part = |raw: u64, of: u128| {
            let product = u128::from(raw) * of;
            assert_eq!(product % self.whole, 0, "{raw} is not exact");
            u64::try_from(product / self.whole).expect("a sum")
        };
        [part(raw[0], self.up), part(raw[1], self.down)]
    }
}
