"""Makes load.csv, the data of examples/forecasting.rs: 60 days of an hourly load in MW and the
temperature, drawn from daily and weekly cycles and noise.

    python3 examples/forecasting/make.py
"""
import math
import random
from pathlib import Path

random.seed(1)
lines, weather = ["load,temperature"], 0.0
for hour in range(24 * 60):
    day, weekend = hour / 24, (hour // 24) % 7 >= 5
    weather = 0.98 * weather + random.gauss(0, 0.4)
    temperature = 12 + 6 * math.sin(2 * math.pi * (day - 0.4)) + weather
    load = 50 + 12 * math.sin(2 * math.pi * (day - 0.3)) + 5 * math.sin(4 * math.pi * day)
    load += -9 * weekend - 0.6 * (temperature - 12) + random.gauss(0, 0.8)
    lines.append(f"{load:.2f},{temperature:.2f}")
Path(__file__).with_name("load.csv").write_text("\n".join(lines) + "\n")
