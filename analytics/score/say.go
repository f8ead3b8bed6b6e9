package score

import (
	"fmt"
	"strings"
)

// degrees writes thousandths of a degree with one decimal, halves away from zero.
func degrees(milli int32) string {
	v, sign := int64(milli), ""
	if v < 0 {
		v, sign = -v, "−"
	}
	v = (v + 50) / 100
	if v == 0 {
		sign = ""
	}
	return fmt.Sprintf("%s%d.%d °C", sign, v/10, v%10)
}

// exactly writes thousandths of a degree with all three decimals.
func exactly(milli int32) string {
	v, sign := int64(milli), ""
	if v < 0 {
		v, sign = -v, "−"
	}
	return fmt.Sprintf("%s%d.%03d °C", sign, v/1000, v%1000)
}

// each says that something holds for more than one time.
func each(times int64) string {
	if times > 1 {
		return " each time"
	}
	return ""
}

// spanUp writes a time that is no shorter than milliseconds: whole minutes, and of two days or more whole hours.
func spanUp(ms int64) string {
	unit := int64(60_000)
	if ms > 48*60*unit {
		unit *= 60
	}
	return span(max(1, (ms+unit-1)/unit) * unit)
}

// span writes milliseconds as a person says them.
func span(ms int64) string {
	minutes := ms / 60_000
	switch {
	case ms <= 0:
		return "no time"
	case ms < 60_000:
		return fmt.Sprintf("%d s", max(1, ms/1000))
	case minutes < 60:
		return fmt.Sprintf("%d min", minutes)
	case minutes < 48*60 && minutes%60 != 0:
		return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
	case minutes < 48*60:
		return fmt.Sprintf("%d h", minutes/60)
	case minutes/60%24 != 0:
		return fmt.Sprintf("%d days %d h", minutes/1440, minutes/60%24)
	default:
		return fmt.Sprintf("%d days", minutes/1440)
	}
}

// logger names a device by the end of its identifier.
func logger(device string) string {
	if device == "" {
		return "the sensor"
	}
	if i := strings.LastIndexByte(device, '/'); i >= 0 && i+1 < len(device) {
		device = device[i+1:]
	}
	return "logger " + bounded(device, 60)
}

// place names a GLN by its digits.
func place(key string) string {
	if i := strings.LastIndex(key, "/414/"); i >= 0 {
		return "the place with GLN " + bounded(key[i+len("/414/"):], 60)
	}
	return bounded(key, 120)
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
