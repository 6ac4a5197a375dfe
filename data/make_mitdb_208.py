#!/usr/bin/env python3
"""Writes mitdb-208.hea and mitdb-208.dat from the ECG that the scipy 1.9.3 wheel carries. See README.md.

    python3 make_mitdb_208.py scipy-1.9.3-*.whl

Needs nothing but Python. Writes next to itself.
"""

import array
import io
import pathlib
import sys
import zipfile

HEADER = """mitdb-208 1 360 {count}
mitdb-208.dat 212 200(1024)/mV 11 1024 {first} {checksum} 0 MLII
# MIT-BIH Arrhythmia Database, record 208, signal MLII, samples 422820 to 530819.
# Open Data Commons Attribution License (ODC-By) v1.0. See README.md for the citations.
"""

wheel = zipfile.ZipFile(sys.argv[1])
archive = zipfile.ZipFile(io.BytesIO(wheel.read("scipy/misc/ecg.dat")))
npy = archive.read("ecg.npy")
assert b"'descr': '<u2'" in npy[:128] and b"'shape': (108000,)" in npy[:128]
samples = array.array("H", npy[10 + int.from_bytes(npy[8:10], "little") :])
if sys.byteorder == "big":
    samples.byteswap()

# Format 212: two 12-bit samples in three bytes; the middle byte holds the high halves, the first sample's below.
packed = bytearray()
for first, second in zip(samples[0::2], samples[1::2]):
    packed += bytes((first & 255, first >> 8 | second >> 8 << 4, second & 255))

checksum = (sum(samples) + 32768) % 65536 - 32768
folder = pathlib.Path(__file__).resolve().parent
(folder / "mitdb-208.dat").write_bytes(packed)
(folder / "mitdb-208.hea").write_text(HEADER.format(count=len(samples), first=samples[0], checksum=checksum))
