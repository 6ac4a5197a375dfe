#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vq_tests::hostile::model(bytes));
