//! Reading JSON over the defaults.

use super::{Config, Fault};
use serde::Deserialize;
use serde_json::Value;

/// Settings laid over the defaults one by one: each is tried alone, so that each fault is found,
/// and has its path.
pub(super) struct Reading {
    pub(super) merged: Value,
    pub(super) faults: Vec<Fault>,
}

impl Reading {
    pub(super) fn new(defaults: Value) -> Reading {
        Reading {
            merged: defaults,
            faults: Vec::new(),
        }
    }

    /// Lays what is given over the settings at `path`.
    pub(super) fn merge(&mut self, path: &mut Vec<String>, given: &Value) {
        let pointer: String = path.iter().map(|key| format!("/{key}")).collect();
        let Some(Value::Object(known)) = self.merged.pointer(&pointer) else {
            return self.setting(path, &pointer, given);
        };
        let known: Vec<String> = known.keys().cloned().collect();
        let Value::Object(given) = given else {
            let name = if path.is_empty() {
                "configuration"
            } else {
                &path.join(".")
            };
            return self
                .faults
                .push(Fault(format!("{name}: must be an object")));
        };
        for (key, value) in given {
            path.push(key.clone());
            if known.contains(key) {
                self.merge(path, value);
            } else {
                self.faults
                    .push(Fault(format!("{}: unknown key", path.join("."))));
            }
            path.pop();
        }
    }

    fn setting(&mut self, path: &[String], pointer: &str, given: &Value) {
        let name = path.join(".");
        let faults = self.faults.len();
        for (place, element) in given.as_array().into_iter().flatten().enumerate() {
            let alone = Value::Array(vec![element.clone()]);
            self.try_setting(pointer, &format!("{name}[{place}]"), alone, false);
        }
        // What is wrong with elements is said of each: the whole is tried only when they are good.
        if self.faults.len() == faults {
            self.try_setting(pointer, &name, given.clone(), true);
        }
    }

    /// Tries a setting, and leaves it in place if it is good and to be kept.
    fn try_setting(&mut self, pointer: &str, name: &str, given: Value, keep: bool) {
        let Some(place) = self.merged.pointer_mut(pointer) else {
            return;
        };
        let before = std::mem::replace(place, given);
        let good = Config::deserialize(&self.merged).map_err(|err| err.to_string());
        if (good.is_err() || !keep)
            && let Some(place) = self.merged.pointer_mut(pointer)
        {
            *place = before;
        }
        if let Err(message) = good {
            self.faults.push(Fault(format!("{name}: {message}")));
        }
    }
}
