#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    applecart_fuzz::read("identities", bytes);
});
