//! An analog input of an nRF52840-DK, compressed, on the serial port of its debugger.
//!
//! | connector | pin | what |
//! |---|---|---|
//! | A0 | P0.03 / AIN1 | the signal, 0 to 3 V |
//! | USB | P0.06 | the packets, 115200 baud |
#![no_std]
#![no_main]

use core::cell::RefCell;

use critical_section::Mutex;
use defmt_rtt as _;
use firmware_sender::{FRAMES, Progress, Scale, Sender, SenderMemory, Sensor};
use nrf52840_hal::Clocks;
use nrf52840_hal::gpio::p0::{self, P0_03};
use nrf52840_hal::gpio::{Disconnected, Level};
use nrf52840_hal::pac::{self, TIMER0, interrupt};
use nrf52840_hal::saadc::{Oversample, Resolution, Saadc, SaadcConfig};
use nrf52840_hal::timer::{Periodic, Timer};
use nrf52840_hal::uarte::{Baudrate, Parity, Pins, Uarte};
use panic_probe as _;

/// An AD8232 heart monitor at A0: rests at half of 3 V, 1 mV at the electrodes is 1.1 V at its output, and a count is 3 V / 4096.
const SENSOR: Sensor = Sensor { zero: 2048, counts_per_unit: 1502 };

/// What the timer's interrupt needs.
struct Sampler {
    adc: Saadc,
    pin: P0_03<Disconnected>,
    scale: Scale,
    timer: Timer<TIMER0, Periodic>,
}

static SAMPLER: Mutex<RefCell<Option<Sampler>>> = Mutex::new(RefCell::new(None));

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: SenderMemory = SenderMemory::new();
    let mut sender = match Sender::start(MEMORY, SENSOR) {
        Ok(sender) => sender,
        Err(error) => defmt::panic!("{}", defmt::Display2Format(&error)),
    };

    let chip = defmt::unwrap!(pac::Peripherals::take());
    // The crystal: the oscillator that is on by itself is off by up to 8 %.
    let _clocks = Clocks::new(chip.CLOCK).enable_ext_hfosc();
    let pins = p0::Parts::new(chip.P0);
    let uart_pins = Pins {
        txd: pins.p0_06.into_push_pull_output(Level::High).degrade(),
        rxd: pins.p0_08.into_floating_input().degrade(),
        cts: None,
        rts: None,
    };
    let mut uart = Uarte::new(chip.UARTE0, uart_pins, Parity::EXCLUDED, Baudrate::BAUD115200);
    write(&mut uart, sender.header());

    let mut timer = Timer::periodic(chip.TIMER0);
    timer.enable_interrupt();
    timer.start(sender.period_micros());
    // The supply is the reference: 4096 counts are its 3 V.
    let config =
        SaadcConfig { resolution: Resolution::_12BIT, oversample: Oversample::BYPASS, ..SaadcConfig::default() };
    let sampler = Sampler { adc: Saadc::new(chip.SAADC, config), pin: pins.p0_03, scale: sender.scale(), timer };
    critical_section::with(|section| SAMPLER.replace(section, Some(sampler)));
    // SAFETY: the interrupt's data are in their place, and nothing relies on its being masked.
    unsafe { cortex_m::peripheral::NVIC::unmask(pac::Interrupt::TIMER0) };
    defmt::info!("a reading every {} µs", sender.period_micros());

    loop {
        match sender.poll() {
            Progress::Packet(frame) => {
                write(&mut uart, frame);
                defmt::info!("{} bytes sent, {} readings lost so far", frame.len(), sender.lost_readings());
            }
            Progress::Working => {}
            Progress::Idle => cortex_m::asm::wfi(),
        }
    }
}

fn write(uart: &mut Uarte<pac::UARTE0>, frame: &[u8]) {
    if uart.write(frame).is_err() {
        defmt::error!("the UART takes frames from RAM alone");
    }
}

#[interrupt]
fn TIMER0() {
    critical_section::with(|section| {
        if let Some(sampler) = SAMPLER.borrow_ref_mut(section).as_mut() {
            sampler.sample();
        }
    });
}

impl Sampler {
    fn sample(&mut self) {
        self.timer.reset_event();
        // 20 µs of acquisition and 2 of conversion. Near 0 V noise makes small negative readings.
        if let Ok(reading) = self.adc.read_channel(&mut self.pin) {
            // A full queue counts what it refuses, and the packets tell: there is nothing to do here.
            let _ = FRAMES.feed(&[self.scale.sample(i32::from(reading))]);
        }
    }
}
