package query

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/epcis/unit"
)

// Measure gives the dimension of a unit of measure, and a number of that unit in
// the base unit of the dimension. A code without a known conversion is a
// dimension by itself, as is the absence of one. It reports false when the text
// is no number. Conversion is exact but for the last rounding to float64, so
// that equal amounts are equal numbers.
func Measure(n epcis.Number, code string) (dimension string, base float64, ok bool) {
	return measure(n, code, false)
}

// MeasureDifference is Measure for a difference between two amounts, such as a
// standard deviation: the zero points of the units do not count.
func MeasureDifference(n epcis.Number, code string) (dimension string, base float64, ok bool) {
	return measure(n, code, true)
}

func measure(n epcis.Number, code string, difference bool) (string, float64, bool) {
	plain, ok := number(string(n))
	if !ok {
		return "", 0, false
	}
	u, ok := unit.Of(code)
	if !ok {
		if code == "" {
			return "", plain, true
		}
		return "unit " + code, plain, true
	}
	// A short decimal is taken exactly. The length bounds the work: an exponent
	// outside these digits would ask for as many digits as it says.
	v := new(big.Rat)
	const longest = 40
	if i := strings.IndexAny(string(n), "eE"); len(n) > longest || i >= 0 && len(n)-i > 4 {
		v.SetFloat64(plain)
	} else if _, ok := v.SetString(string(n)); !ok {
		v.SetFloat64(plain)
	}
	v.Mul(v, rational(u.Num)).Quo(v, rational(u.Den))
	if u.Offset != "" && !difference {
		v.Add(v, rational(u.Offset))
	}
	f, _ := v.Float64()
	return u.Dimension, f, true
}

// rational reads a constant of the unit table.
func rational(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return new(big.Rat)
	}
	return r
}

// number reads a decimal number as JSON spells it, with a sign or a leading zero
// where people write one. It is finite.
func number(s string) (float64, bool) {
	if s == "" || len(s) > MaxValue {
		return 0, false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '+', c == '-', c == '.', c == 'e', c == 'E':
		default:
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}
