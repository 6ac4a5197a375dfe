//! An analog input of an ST Nucleo-F411RE, compressed, on the serial port of its ST-LINK.
//!
//! | connector | pin | what |
//! |---|---|---|
//! | A0 | PA0 / ADC1 channel 0 | the signal, 0 to 3.3 V |
//! | USB | PA2 / USART2 TX | the packets, 115200 baud |
#![no_std]
#![no_main]

use core::cell::RefCell;

use critical_section::Mutex;
use defmt_rtt as _;
use firmware_sender::{FRAMES, Progress, Scale, Sender, SenderMemory, Sensor};
use panic_probe as _;
use stm32f4xx_hal::adc::Adc;
use stm32f4xx_hal::adc::config::{AdcConfig, Clock, SampleTime};
use stm32f4xx_hal::gpio::{Analog, PA0};
use stm32f4xx_hal::pac::{self, ADC1, TIM2, interrupt};
use stm32f4xx_hal::prelude::*;
use stm32f4xx_hal::rcc::Config;
use stm32f4xx_hal::serial;
use stm32f4xx_hal::timer::{CounterUs, Event};

/// An AD8232 heart monitor at A0: rests at half of 3.3 V, 1 mV at the electrodes is 1.1 V at its output, and a count is 3.3 V / 4096.
const SENSOR: Sensor = Sensor { zero: 2048, counts_per_unit: 1365 };

/// What the timer's interrupt needs.
struct Sampler {
    adc: Adc<ADC1>,
    pin: PA0<Analog>,
    scale: Scale,
    timer: CounterUs<TIM2>,
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
    // The ST-LINK gives its crystal's 8 MHz to the chip; the chip's own oscillator is off by up to 1 %, and so would be the rate.
    let mut rcc = chip.RCC.freeze(Config::hse(8.MHz()).bypass_hse_oscillator().sysclk(84.MHz()));
    let pins = chip.GPIOA.split(&mut rcc);
    let serial = serial::Config::default().baudrate(115_200.bps());
    let uart = chip.USART2.tx(pins.pa2, serial, &mut rcc);
    let Ok(mut uart) = uart else { defmt::panic!("the UART cannot make its rate") };
    write(&mut uart, sender.header());

    let mut timer = chip.TIM2.counter_us(&mut rcc);
    timer.listen(Event::Update);
    let started = timer.start(sender.period_micros().micros());
    if started.is_err() {
        defmt::panic!("the timer cannot make a period of {} µs", sender.period_micros());
    }
    let config = AdcConfig::default().clock(Clock::Pclk2_div_4);
    let adc = Adc::new(chip.ADC1, true, config, &mut rcc);
    let sampler = Sampler { adc, pin: pins.pa0.into_analog(), scale: sender.scale(), timer };
    critical_section::with(|section| SAMPLER.replace(section, Some(sampler)));
    // SAFETY: the interrupt's data are in their place, and nothing relies on its being masked.
    unsafe { cortex_m::peripheral::NVIC::unmask(pac::Interrupt::TIM2) };
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

fn write(uart: &mut serial::Tx<pac::USART2>, frame: &[u8]) {
    // A transmitter without flow control has no errors to report.
    let _ = uart.bwrite_all(frame);
}

#[interrupt]
fn TIM2() {
    critical_section::with(|section| {
        if let Some(sampler) = SAMPLER.borrow_ref_mut(section).as_mut() {
            sampler.sample();
        }
    });
}

impl Sampler {
    fn sample(&mut self) {
        self.timer.clear_all_flags();
        // 84 cycles of sampling and 12 of conversion at 21 MHz: 5 µs.
        let reading = self.adc.convert(&self.pin, SampleTime::Cycles_84);
        // A full queue counts what it refuses, and the packets tell: there is nothing to do here.
        let _ = FRAMES.feed(&[self.scale.sample(i32::from(reading))]);
    }
}
