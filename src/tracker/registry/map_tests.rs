use super::*;
use std::collections::BTreeMap;

const SECRET: Secret = Secret([7; 16]);

/// An entry whose place is told by its key, so that tests can crowd one.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Spot {
    key: u64,
    value: u32,
}

impl Entry for Spot {
    type Key = u64;

    fn key(&self) -> u64 {
        self.key
    }

    fn place(key: &u64, _: &Secret) -> u32 {
        (key >> 32) as u32
    }
}

fn all(map: &Map<Spot>) -> BTreeMap<u64, u32> {
    let mut all = BTreeMap::new();
    let shown: Result<(), ()> = map.try_each(&mut |spot| {
        assert_eq!(all.insert(spot.key, spot.value), None, "{} twice", spot.key);
        Ok(())
    });
    shown.expect("no failure");
    assert_eq!(all.len(), map.len());
    all
}

/// Leaves and branches.
fn nodes<T>(node: &Node<T>) -> (usize, usize) {
    match node {
        Node::Leaf(_) => (1, 0),
        Node::Branch(children) => children
            .iter()
            .map(nodes)
            .fold((0, 1), |sum, child| (sum.0 + child.0, sum.1 + child.1)),
    }
}

#[test]
fn grows_and_shrinks_and_older_clones_stay() {
    let mut map = Map::default();
    let mut twin = BTreeMap::new();
    let mut older = Vec::new();
    let key = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for number in 0..5000 {
        let spot = Spot {
            key: key(number),
            value: number as u32,
        };
        assert_eq!(map.insert(spot, &SECRET), None);
        twin.insert(spot.key, spot.value);
        if number % 500 == 0 {
            older.push((map.clone(), twin.clone()));
        }
    }
    let (leaves, _) = nodes(&map.root);
    assert!(
        (5000 / LEAF_MAX..5000 / (LEAF_MAX / WAYS)).contains(&leaves),
        "{leaves}"
    );
    for number in 0..5000 {
        let spot = Spot {
            key: key(number),
            value: 1,
        };
        assert_eq!(
            map.insert(spot, &SECRET).map(|old| old.value),
            Some(number as u32)
        );
    }
    for number in 0..5000 {
        assert_eq!(
            map.get(&key(number), &SECRET).map(|spot| spot.value),
            Some(1)
        );
        assert!(map.remove(&key(number), &SECRET).is_some());
        assert!(map.remove(&key(number), &SECRET).is_none());
        if number % 500 == 0 {
            assert_eq!(all(&map).len() as u64, 4999 - number);
        }
    }
    assert_eq!(nodes(&map.root), (1, 0), "empty again");
    for (clone, twin) in older {
        assert_eq!(all(&clone), twin);
    }
}

#[test]
fn many_in_one_place_are_all_found() {
    let mut map = Map::default();
    let crowded = LEAF_MAX as u64 * 3;
    for key in 0..crowded {
        map.insert(Spot { key, value: 0 }, &SECRET);
    }
    map.insert(
        Spot {
            key: 1 << 63,
            value: 1,
        },
        &SECRET,
    );
    assert_eq!(all(&map).len() as u64, crowded + 1);
    assert!((0..crowded).all(|key| map.get(&key, &SECRET).is_some()));
    assert!((0..crowded).all(|key| map.remove(&key, &SECRET).is_some()));
    assert_eq!(nodes(&map.root), (1, 0));
    assert_eq!(all(&map), BTreeMap::from([(1 << 63, 1)]));
}

#[test]
fn a_change_copies_only_its_path() {
    let mut map = Map::default();
    for number in 0..20_000u64 {
        map.insert(
            Spot {
                key: number << 49 | number,
                value: 0,
            },
            &SECRET,
        );
    }
    let older = map.clone();
    map.insert(
        Spot {
            key: 1 << 49 | 1,
            value: 9,
        },
        &SECRET,
    );
    fn shared(a: &Node<Spot>, b: &Node<Spot>) -> (usize, usize) {
        match (a, b) {
            (Node::Leaf(a), Node::Leaf(b)) => match Arc::ptr_eq(a, b) {
                true => (1, 0),
                false => (0, 1),
            },
            (Node::Branch(a), Node::Branch(b)) => {
                let pairs = a.iter().zip(b.iter());
                pairs.fold((0, 0), |sum, (a, b)| {
                    let (same, other) = shared(a, b);
                    (sum.0 + same, sum.1 + other)
                })
            }
            _ => (0, 1),
        }
    }
    let (same, other) = shared(&map.root, &older.root);
    assert_eq!(other, 1, "of {} leaves", same + other);
    assert!(map.remove(&5, &SECRET).is_none(), "not there");
    assert_eq!(shared(&map.root, &older.root), (same, other));
}
