//! An analog input of a Raspberry Pi Pico, compressed, on its serial port. README.md beside this tells it step by step.
//!
//! | pin | GPIO | what |
//! |---|---|---|
//! | 31 | GP26 / ADC0 | the signal, 0 to 3.3 V |
//! | 1 | GP0 / UART0 TX | the packets, 115200 baud |
#![no_std]
#![no_main]

use core::cell::RefCell;

use critical_section::Mutex;
use defmt_rtt as _;
use embedded_hal_0_2::adc::OneShot;
use firmware_sender::{FRAMES, Progress, Scale, Sender, SenderMemory, Sensor};
use panic_probe as _;
use rp2040_hal::adc::{Adc, AdcPin};
use rp2040_hal::clocks::{Clock, init_clocks_and_plls};
use rp2040_hal::fugit::{MicrosDurationU32, RateExtU32};
use rp2040_hal::gpio::bank0::Gpio26;
use rp2040_hal::gpio::{FunctionSioInput, Pin, Pins, PullNone};
use rp2040_hal::pac::{self, interrupt};
use rp2040_hal::timer::{Alarm, Alarm0, Instant};
use rp2040_hal::uart::{DataBits, StopBits, UartConfig, UartPeripheral};
use rp2040_hal::{Sio, Timer, Watchdog};

/// The boot ROM reads this from the start of the flash; it then makes the rest of the flash readable.
#[unsafe(link_section = ".boot2")]
#[used]
static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_W25Q080;

const CRYSTAL_HERTZ: u32 = 12_000_000;

/// An AD8232 heart monitor at ADC0: rests at half of 3.3 V, 1 mV at the electrodes is 1.1 V at its output, and a count is 3.3 V / 4096.
const SENSOR: Sensor = Sensor { zero: 2048, counts_per_unit: 1365 };

/// What the timer's interrupt needs.
struct Sampler {
    adc: Adc,
    pin: AdcPin<Pin<Gpio26, FunctionSioInput, PullNone>>,
    scale: Scale,
    alarm: Alarm0,
    next: Instant,
    period: MicrosDurationU32,
}

static SAMPLER: Mutex<RefCell<Option<Sampler>>> = Mutex::new(RefCell::new(None));

// The HAL's entry also frees the spinlocks of critical sections, which a reset by the debugger may leave taken.
#[rp2040_hal::entry]
fn main() -> ! {
    static mut MEMORY: SenderMemory = SenderMemory::new();
    let mut sender = match Sender::start(MEMORY, SENSOR) {
        Ok(sender) => sender,
        Err(error) => defmt::panic!("{}", defmt::Display2Format(&error)),
    };

    let mut chip = defmt::unwrap!(pac::Peripherals::take());
    let mut watchdog = Watchdog::new(chip.WATCHDOG);
    let clocks = init_clocks_and_plls(
        CRYSTAL_HERTZ,
        chip.XOSC,
        chip.CLOCKS,
        chip.PLL_SYS,
        chip.PLL_USB,
        &mut chip.RESETS,
        &mut watchdog,
    );
    let clocks = defmt::unwrap!(clocks.ok());
    let pins = Pins::new(chip.IO_BANK0, chip.PADS_BANK0, Sio::new(chip.SIO).gpio_bank0, &mut chip.RESETS);
    let serial = UartConfig::new(115_200.Hz(), DataBits::Eight, None, StopBits::One);
    let uart_pins = (pins.gpio0.into_function(), pins.gpio1.into_function());
    let uart =
        UartPeripheral::new(chip.UART0, uart_pins, &mut chip.RESETS).enable(serial, clocks.peripheral_clock.freq());
    let uart = defmt::unwrap!(uart);
    uart.write_full_blocking(sender.header());

    let mut timer = Timer::new(chip.TIMER, &mut chip.RESETS, &clocks);
    let mut sampler = Sampler {
        adc: Adc::new(chip.ADC, &mut chip.RESETS),
        pin: defmt::unwrap!(AdcPin::new(pins.gpio26.reconfigure())),
        scale: sender.scale(),
        alarm: defmt::unwrap!(timer.alarm_0()),
        next: timer.get_counter(),
        period: MicrosDurationU32::from_ticks(sender.period_micros()),
    };
    sampler.alarm.enable_interrupt();
    sampler.wait();
    critical_section::with(|section| SAMPLER.replace(section, Some(sampler)));
    // SAFETY: the interrupt's data are in their place, and nothing relies on its being masked.
    unsafe { cortex_m::peripheral::NVIC::unmask(pac::Interrupt::TIMER_IRQ_0) };
    defmt::info!("a reading every {} µs", sender.period_micros());

    loop {
        match sender.poll() {
            Progress::Packet(frame) => {
                uart.write_full_blocking(frame);
                defmt::info!("{} bytes sent, {} readings lost so far", frame.len(), sender.lost_readings());
            }
            Progress::Working => {}
            Progress::Idle => cortex_m::asm::wfi(),
        }
    }
}

#[interrupt]
fn TIMER_IRQ_0() {
    critical_section::with(|section| {
        if let Some(sampler) = SAMPLER.borrow_ref_mut(section).as_mut() {
            sampler.sample();
        }
    });
}

impl Sampler {
    fn sample(&mut self) {
        // A conversion takes 2 µs.
        if let Ok(reading) = OneShot::<_, u16, _>::read(&mut self.adc, &mut self.pin) {
            // A full queue counts what it refuses, and the packets tell: there is nothing to do here.
            let _ = FRAMES.feed(&[self.scale.sample(i32::from(reading))]);
        }
        self.alarm.clear_interrupt();
        self.wait();
    }

    /// Sets the alarm one period after the last, not after now: no drift.
    fn wait(&mut self) {
        self.next += self.period;
        defmt::unwrap!(self.alarm.schedule_at(self.next).ok());
    }
}
