package table

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Added are the columns that scoring adds to a file.
func Added() []string { return []string{"anomaly_score", "p_value", "alarm", "reason"} }

// nameOf is a header's text for comparing: lower case, words joined by an underscore, without the unit
// in brackets.
func nameOf(header string) string {
	s := strings.ToLower(strings.TrimSpace(header))
	if i := strings.IndexAny(s, "(["); i > 0 {
		s = s[:i]
	}
	words := strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '#' })
	return strings.Join(words, "_")
}

// isTime tells whether a name is that of a column of times.
func isTime(name string) bool {
	switch name {
	case "timestamp", "time", "datetime", "date_time", "date", "ts", "time_stamp", "recorded_at", "measured_at", "reading_time", "event_time",
		"utc", "time_utc", "timestamp_utc", "datetime_utc", "timestamp_ms", "time_ms", "unix_time", "epoch", "zeit", "zeitstempel":
		return true
	}
	return false
}

// isLabel tells whether a name is that of the truth or of someone's opinion of it. What is to be found
// must not be looked at.
func isLabel(name string) bool {
	switch name {
	case "label", "labels", "anomaly", "anomalies", "anomalous", "is_anomaly", "isanomaly", "is_anomalous", "anomaly_label", "anomaly_labels", "outlier", "outliers",
		"is_outlier", "fault", "is_fault", "fault_label", "attack", "is_attack", "ground_truth", "groundtruth", "truth", "target", "class", "changepoint", "change_point", "annotation":
		return true
	}
	return false
}

// isCount tells whether a name is that of a column that numbers rows.
func isCount(name string) bool {
	switch name {
	case "", "index", "idx", "row", "row_id", "rowid", "row_number", "no", "nr", "#", "n", "line", "seq", "sequence", "sequence_number", "record", "record_number", "unnamed_0":
		return true
	}
	return false
}

// isStep tells whether a name may be that of the rows' number in a file without times.
func isStep(name string) bool {
	return isCount(name) || name == "reading" || name == "readings" || name == "reading_number" || name == "sample" || name == "step" || name == "t"
}

// identifies tells what a name identifies: 2 a device, 1 another thing that may be measured by itself,
// -1 anything else, 0 nothing. bare is a device's word without "id".
func identifies(name string) (rank int, bare bool) {
	for i, things := range [][]string{
		{"shipment", "container", "pallet", "asset", "unit", "truck", "vehicle", "series", "box"},
		{"device", "logger", "sensor", "mote", "node", "probe", "tag", "station", "meter", "gateway"},
	} {
		for _, thing := range things {
			switch name {
			case thing:
				return i + 1, true
			case thing + "_id", thing + "id", thing + "_serial", thing + "_number", thing + "_no", thing + "_name", thing + "_uuid":
				return i + 1, false
			}
		}
	}
	switch name {
	case "id", "uuid", "guid", "serial", "serial_number", "serial_no", "epc", "sscc", "gtin", "giai", "lot", "batch":
		return -1, false
	}
	if strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "_uuid") {
		return -1, false
	}
	return 0, false
}

// Passed is a column that is passed through and not scored.
type Passed struct {
	Name   string
	Column int // from 0
	Why    string
}

// Why a column is not scored.
const (
	PassedScore      = "what scoring added"
	PassedLabel      = "a label"
	PassedIdentifier = "an identifier" //nolint:gosec // no credential
	PassedTime       = "a time"
	PassedCount      = "a row number"
	PassedText       = "not numbers"
	PassedIgnored    = "as asked"
	PassedOther      = "not among the channels asked for"
)

// Channel is a column that is scored.
type Channel struct {
	Name   string
	Column int // from 0
	Unit   Unit
}

// Unit is a unit of temperature.
type Unit string

// The units of temperature.
const (
	Celsius    Unit = "celsius"
	Fahrenheit Unit = "fahrenheit"
	Kelvin     Unit = "kelvin"
)

// Celsius turns a temperature in the unit into degrees Celsius. An empty unit is Celsius.
func (u Unit) Celsius(v float64) float64 {
	switch u {
	case Fahrenheit:
		return (v - 32) * 5 / 9
	case Kelvin:
		return v - 273.15
	case Celsius:
	}
	return v
}

// ParseUnit reads the name of a unit.
func ParseUnit(s string) (Unit, error) {
	switch strings.ToLower(s) {
	case "":
		return "", nil
	case "c", "°c", "celsius":
		return Celsius, nil
	case "f", "°f", "fahrenheit":
		return Fahrenheit, nil
	case "k", "kelvin":
		return Kelvin, nil
	}
	return "", fmt.Errorf("%w: unit %q is not celsius, fahrenheit or kelvin", ErrColumns, s)
}

// unitOf finds the unit in a header: in brackets, behind a degree sign, or written out.
func unitOf(header string) Unit {
	s := strings.ToLower(header)
	for _, unit := range []Unit{Celsius, Fahrenheit, Kelvin} {
		if strings.Contains(s, string(unit)) {
			return unit
		}
	}
	i := strings.IndexAny(s, "([°º")
	if i < 0 {
		for _, suffix := range []struct {
			text string
			unit Unit
		}{{"_c", Celsius}, {"_f", Fahrenheit}, {"_k", Kelvin}} {
			if name := nameOf(header); strings.HasPrefix(name, "temp") && strings.HasSuffix(name, suffix.text) {
				return suffix.unit
			}
		}
		return ""
	}
	words := strings.FieldsFunc(s[i:], func(r rune) bool { return !unicode.IsLetter(r) || r == 'º' })
	words = slices.DeleteFunc(words, func(w string) bool { return w == "deg" || w == "degree" || w == "degrees" })
	if len(words) != 1 {
		return ""
	}
	switch words[0] {
	case "c", "degc":
		return Celsius
	case "f", "degf":
		return Fahrenheit
	case "k":
		return Kelvin
	}
	return ""
}

// Temperature gives the index of the channel of temperatures: the one of the name, or without a name
// the only channel, or the only one whose name says temperature. It fails with ErrColumns.
func (r *Reader) Temperature(name string) (int, error) {
	if name != "" {
		column, err := find(r.header, name)
		if err != nil {
			return 0, err
		}
		i := slices.IndexFunc(r.channels, func(c Channel) bool { return c.Column == column })
		if i < 0 {
			return 0, fmt.Errorf("%w: the column %q is not scored", ErrColumns, name)
		}
		return i, nil
	}
	if len(r.channels) == 1 {
		return 0, nil
	}
	found := -1
	for i, c := range r.channels {
		first, _, _ := strings.Cut(nameOf(c.Name), "_")
		if first != "temperature" && first != "temp" && !strings.Contains(nameOf(c.Name), "temperature") && unitOf(c.Name) == "" {
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("%w: the columns %q and %q may both be the temperature; say which", ErrColumns, r.channels[found].Name, c.Name)
		}
		found = i
	}
	if found < 0 {
		return 0, fmt.Errorf("%w: no column's name says temperature; say which it is", ErrColumns)
	}
	return found, nil
}

// find gives the column of a name: as it stands in the header, else without regard to case and unit.
func find(header []string, name string) (int, error) {
	found := -1
	for _, same := range []func(h string) bool{
		func(h string) bool { return strings.TrimSpace(h) == strings.TrimSpace(name) },
		func(h string) bool { return nameOf(h) == nameOf(name) },
	} {
		for i, h := range header {
			if !same(h) {
				continue
			}
			if found >= 0 {
				return 0, fmt.Errorf("%w: more than one column could be %q; the header has %s", ErrColumns, name, quoted(header))
			}
			found = i
		}
		if found >= 0 {
			return found, nil
		}
	}
	return 0, fmt.Errorf("%w: there is no column %q; the header has %s", ErrColumns, name, quoted(header))
}

// quoted repeats the beginning of a header for a message.
func quoted(header []string) string {
	const most = 200
	text := strings.Join(header[:min(len(header), 50)], ",")
	if len(text) > most {
		return strconv.Quote(text[:most]) + "…"
	}
	return strconv.Quote(text)
}

// Label gives the column of labels: the one of the name, or the first that is a label by its name. It
// fails with ErrColumns if there is none.
func (r *Reader) Label(name string) (int, error) {
	if name != "" {
		column, err := find(r.header, name)
		if err == nil && slices.ContainsFunc(r.channels, func(c Channel) bool { return c.Column == column }) {
			err = fmt.Errorf("%w: the column %q is scored, it cannot be the label too", ErrColumns, name)
		}
		return column, err
	}
	for _, p := range r.passed {
		if p.Why == PassedLabel {
			return p.Column, nil
		}
	}
	return 0, fmt.Errorf("%w: no column's name says that it is a label", ErrColumns)
}

// IsLabelled reads a cell of labels: nothing, zero, no, false, normal and ok are not labelled.
func IsLabelled(cell []byte) bool {
	switch strings.ToLower(strings.TrimSpace(string(cell))) {
	case "", "0", "0.0", "no", "false", "normal", "ok", "nan", "none", "null", "f", "n":
		return false
	}
	return true
}

// Column gives the column of a name, -1 if there is none.
func (r *Reader) Column(name string) int {
	i, err := find(r.header, name)
	if err != nil {
		return -1
	}
	return i
}

// QuantityOf gives what a header says is measured, of what the ledger knows.
func QuantityOf(header string) (ledger.Quantity, bool) {
	name := nameOf(header)
	first, _, _ := strings.Cut(name, "_")
	switch {
	case first == "temperature" || first == "temp" || strings.HasSuffix(name, "_temperature") || unitOf(header) != "":
		return ledger.Temperature, true
	case first == "humidity" || first == "rh" || name == "relative_humidity":
		return ledger.RelativeHumidity, true
	case first == "shock" || first == "acceleration":
		return ledger.Shock, true
	case first == "light" || first == "lux" || first == "illuminance":
		return ledger.Light, true
	case first == "door":
		return ledger.Door, true
	}
	return 0, false
}
