//! An analog input of an ESP32-C3, compressed, on its second serial port.
//!
//! | pin | what |
//! |---|---|
//! | GPIO3 / ADC1 channel 3 | the signal, 0 to 2.5 V |
//! | GPIO10 / UART1 TX | the packets, 115200 baud |
//!
//! The first serial port and the USB port carry the boot loader's messages and the log.
#![no_std]
#![no_main]

use core::cell::RefCell;

use critical_section::Mutex;
use esp_backtrace as _;
use esp_hal::analog::adc::{Adc, AdcCalBasic, AdcConfig, AdcPin, Attenuation};
use esp_hal::interrupt::wait_for_interrupt;
use esp_hal::peripherals::{ADC1, GPIO3};
use esp_hal::time::Duration;
use esp_hal::timer::PeriodicTimer;
use esp_hal::timer::timg::TimerGroup;
use esp_hal::uart::{Config, UartTx};
use esp_hal::{Blocking, handler, main};
use esp_println as _;
use firmware_sender::{FRAMES, Progress, Scale, Sender, SenderMemory, Sensor};
use static_cell::StaticCell;

esp_bootloader_esp_idf::esp_app_desc!();

/// An AD8232 heart monitor at GPIO3, behind a divider of two equal resistors because the converter ends at 2.5 V: rests at a quarter
/// of 3.3 V, 1 mV at the electrodes is 0.55 V at the pin, and a count is about 2.5 V / 4096.
const SENSOR: Sensor = Sensor { zero: 1352, counts_per_unit: 901 };

/// What the timer's interrupt needs.
struct Sampler {
    adc: Adc<'static, ADC1<'static>, Blocking>,
    pin: AdcPin<GPIO3<'static>, ADC1<'static>, AdcCalBasic<ADC1<'static>>>,
    scale: Scale,
    timer: PeriodicTimer<'static, Blocking>,
}

static SAMPLER: Mutex<RefCell<Option<Sampler>>> = Mutex::new(RefCell::new(None));
static MEMORY: StaticCell<SenderMemory> = StaticCell::new();

#[main]
fn main() -> ! {
    let chip = esp_hal::init(esp_hal::Config::default());
    let mut sender = match Sender::start(MEMORY.init_with(SenderMemory::new), SENSOR) {
        Ok(sender) => sender,
        Err(error) => defmt::panic!("{}", defmt::Display2Format(&error)),
    };

    let mut uart = defmt::unwrap!(UartTx::new(chip.UART1, Config::default())).with_tx(chip.GPIO10);
    write(&mut uart, sender.header());
    let mut config = AdcConfig::new();
    let pin = config.enable_pin_with_cal(chip.GPIO3, Attenuation::_11dB);
    let mut timer = PeriodicTimer::new(TimerGroup::new(chip.TIMG0).timer0);
    timer.set_interrupt_handler(sample);
    let period = Duration::from_micros(u64::from(sender.period_micros()));
    let mut sampler = Sampler { adc: Adc::new(chip.ADC1, config), pin, scale: sender.scale(), timer };
    critical_section::with(|section| {
        defmt::unwrap!(sampler.timer.start(period));
        sampler.timer.listen();
        SAMPLER.replace(section, Some(sampler));
    });
    defmt::info!("a reading every {} µs", sender.period_micros());

    loop {
        match sender.poll() {
            Progress::Packet(frame) => {
                write(&mut uart, frame);
                defmt::info!("{} bytes sent, {} readings lost so far", frame.len(), sender.lost_readings());
            }
            Progress::Working => {}
            Progress::Idle => wait_for_interrupt(),
        }
    }
}

fn write(uart: &mut UartTx<'_, Blocking>, frame: &[u8]) {
    let mut rest = frame;
    while !rest.is_empty() {
        let written = defmt::unwrap!(uart.write(rest));
        rest = &rest[written..];
    }
}

#[handler]
fn sample() {
    critical_section::with(|section| {
        if let Some(sampler) = SAMPLER.borrow_ref_mut(section).as_mut() {
            sampler.sample();
        }
    });
}

impl Sampler {
    fn sample(&mut self) {
        self.timer.clear_interrupt();
        // Some ten microseconds.
        if let Ok(reading) = nb::block!(self.adc.read_oneshot(&mut self.pin)) {
            // A full queue counts what it refuses, and the packets tell: there is nothing to do here.
            let _ = FRAMES.feed(&[self.scale.sample(i32::from(reading))]);
        }
    }
}
