//! Any text as a configuration: one that is good is good again after it has been written, and one
//! that is not has faults to tell.

#![no_main]

use chihaya::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match Config::from_json(&String::from_utf8_lossy(bytes)) {
        Ok(config) => {
            assert_eq!(config.faults(), []);
            assert_eq!(Config::from_json(&config.to_json()), Ok(config));
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            assert!(faults.iter().all(|fault| !fault.0.is_empty()));
        }
    }
});
