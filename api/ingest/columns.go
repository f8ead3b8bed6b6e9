package ingest

import (
	"strings"
	"unicode"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// columnName is a header without case, unit in brackets and quotes.
func columnName(header string) string {
	name := strings.ToLower(strings.Trim(header, " \"\t"))
	if i := strings.IndexAny(name, "(["); i > 0 {
		name = name[:i]
	}
	return strings.TrimSpace(strings.ReplaceAll(name, "_", " "))
}

// meaning is what a column's name says.
type meaning struct {
	quantity ledger.Quantity
	unit     Unit // of temperatures, empty if the name does not say
	generic  bool // the name is that of any value
}

// meaningOf understands a column's name: what it measures, then its unit. Each word must be known: a
// pressure, an absolute humidity or a set point is none of what the ledger holds.
func meaningOf(header string) (meaning, bool) {
	words := headerWords(header)
	if len(words) == 0 {
		return meaning{}, false
	}
	m, units, ok := subject(words)
	if !ok {
		return meaning{}, false
	}
	for _, word := range units {
		switch m.quantity {
		case ledger.Temperature:
			unit := unitOf(word)
			if unit == "" || m.unit != "" && m.unit != unit {
				return meaning{}, false
			}
			m.unit = unit
		case ledger.RelativeHumidity:
			ok = ok && (word == "%" || word == "rh" || word == "percent" || word == "pct")
		case ledger.Shock:
			ok = ok && word == "g"
		case ledger.Light:
			ok = ok && (word == "lux" || word == "lx")
		case ledger.Door:
			ok = ok && word == "open"
		}
	}
	return m, ok
}

// subject gives what the first words name, and the words after them.
func subject(words []string) (m meaning, rest []string, ok bool) {
	rest = words[1:]
	switch words[0] {
	case "temperature", "temp":
		return meaning{quantity: ledger.Temperature}, rest, true
	case "tempc", "tempf", "tempk":
		return meaning{quantity: ledger.Temperature, unit: unitOf(words[0][4:])}, rest, true
	case "celsius", "fahrenheit", "kelvin":
		return meaning{quantity: ledger.Temperature, unit: unitOf(words[0])}, rest, true
	case "value":
		return meaning{quantity: ledger.Temperature, generic: true}, rest, true
	case "humidity", "rh":
		return meaning{quantity: ledger.RelativeHumidity}, rest, true
	case "relative":
		if len(rest) > 0 && rest[0] == "humidity" {
			return meaning{quantity: ledger.RelativeHumidity}, rest[1:], true
		}
	case "shock", "acceleration", "g":
		return meaning{quantity: ledger.Shock}, rest, true
	case "light", "lux", "illuminance":
		return meaning{quantity: ledger.Light}, rest, true
	case "door":
		return meaning{quantity: ledger.Door}, rest, true
	}
	return meaning{}, nil, false
}

// headerWords gives a header's words in lower case, "%" being one and degree signs none.
func headerWords(header string) []string {
	text := strings.ReplaceAll(strings.ToLower(header), "%", " % ")
	var words []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '%' || r == 'º' }) {
		switch word {
		case "deg", "degree", "degrees":
		case "degc", "degf":
			words = append(words, word[3:])
		default:
			words = append(words, word)
		}
	}
	return words
}

func unitOf(word string) Unit {
	switch word {
	case "c", "celsius", "centigrade":
		return Celsius
	case "f", "fahrenheit":
		return Fahrenheit
	case "k", "kelvin":
		return Kelvin
	}
	return ""
}

// markedUnit gives the unit that any column's name holds where it cannot be part of the name: in
// brackets, behind a degree sign, or written out.
func markedUnit(header string) Unit {
	if m, ok := meaningOf(header); ok && m.quantity == ledger.Temperature {
		return m.unit
	}
	if i := strings.IndexAny(header, "([°"); i >= 0 {
		if words := headerWords(header[i:]); len(words) == 1 {
			return unitOf(words[0])
		}
	}
	for _, word := range headerWords(header) {
		if len(word) > 1 && unitOf(word) != "" {
			return unitOf(word)
		}
	}
	return ""
}
