package demo

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// ErrCSV says that a file of readings cannot be used; the text names the line.
var ErrCSV = errors.New("WB_CSV")

const (
	maxCSVBytes = 256 << 20
	maxCSVRows  = 5_000_000
	// maxSkippedShare of the rows may be unusable before the file is refused: it is something else then.
	maxSkippedShare = 0.1
)

// Series is the readings of one logger: times that rise, and for each channel a value a time.
type Series struct {
	Times    []ledger.Millis
	Channels []ledger.Channel
	// Skipped rows had no value, or a time not after the one before; FirstSkipped says which was the first and why.
	Skipped      int
	FirstSkipped string
}

// Unit converts a temperature to thousandths of a degree Celsius.
type Unit func(float64) float64

// UnitOf gives the unit of that name: celsius, fahrenheit or kelvin.
func UnitOf(name string) (Unit, error) {
	switch strings.ToLower(name) {
	case "", "celsius", "c":
		return func(v float64) float64 { return v * 1000 }, nil
	case "fahrenheit", "f":
		return func(v float64) float64 { return (v - 32) * 5 / 9 * 1000 }, nil
	case "kelvin", "k":
		return func(v float64) float64 { return (v - 273.15) * 1000 }, nil
	}
	return nil, fmt.Errorf("%w: unit %q is not celsius, fahrenheit or kelvin", ErrCSV, name)
}

// columns says where a file has what; -1: not there.
type columns struct{ time, temperature, humidity int }

// ReadSeries reads CSV: a time and a temperature a row, by the names of the header (time, timestamp,
// date; temperature, temp, value; humidity, rh) or, without one, the first two columns. Times are RFC
// 3339, "2006-01-02 15:04:05" in UTC, or Unix seconds or milliseconds.
func ReadSeries(r io.Reader, unit Unit) (*Series, error) {
	rows := csv.NewReader(io.LimitReader(r, maxCSVBytes))
	rows.FieldsPerRecord = -1
	rows.ReuseRecord = true
	rows.TrimLeadingSpace = true
	first, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCSV, err)
	}
	s := &Series{}
	cols, header := columnsOf(first)
	if cols.time < 0 || cols.temperature < 0 {
		return nil, fmt.Errorf("%w: no column of times and values: the header names %q", ErrCSV, strings.Join(first, ","))
	}
	var celsius, humidity []int32
	take := func(line int, row []string) {
		at, t, h, err := cols.read(row, unit)
		if err == nil && len(s.Times) > 0 && at <= s.Times[len(s.Times)-1] {
			err = fmt.Errorf("its time %s is not after the one before", at.Time().Format(time.RFC3339))
		}
		if err != nil {
			if s.Skipped++; s.FirstSkipped == "" {
				s.FirstSkipped = fmt.Sprintf("line %d: %v", line, err)
			}
			return
		}
		s.Times, celsius, humidity = append(s.Times, at), append(celsius, t), append(humidity, h)
	}
	if !header {
		take(1, first)
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCSV, err)
		}
		if len(s.Times) == maxCSVRows {
			return nil, fmt.Errorf("%w: more than %d readings", ErrCSV, maxCSVRows)
		}
		line, _ := rows.FieldPos(0)
		take(line, row)
	}
	if len(s.Times) == 0 || float64(s.Skipped) > maxSkippedShare*float64(len(s.Times)+s.Skipped) {
		return nil, fmt.Errorf("%w: of %d rows %d cannot be used (%s)", ErrCSV, len(s.Times)+s.Skipped, s.Skipped, s.FirstSkipped)
	}
	s.Channels = []ledger.Channel{{Quantity: ledger.Temperature, Values: celsius}}
	if cols.humidity >= 0 {
		s.Channels = append(s.Channels, ledger.Channel{Quantity: ledger.RelativeHumidity, Values: humidity})
	}
	return s, nil
}

// columnsOf finds the columns by the names of a header, or takes the first two where there is none.
func columnsOf(first []string) (c columns, header bool) {
	if len(first) >= 2 {
		if _, err := parseTime(first[0]); err == nil {
			return columns{0, 1, -1}, false
		}
	}
	find := func(names ...string) int {
		return slices.IndexFunc(first, func(f string) bool {
			name := strings.ToLower(strings.Trim(strings.TrimPrefix(f, "\ufeff"), " \""))
			name, _, _ = strings.Cut(name, "(")
			name, _, _ = strings.Cut(name, "[")
			return slices.Contains(names, strings.TrimSpace(name))
		})
	}
	return columns{
		find("time", "timestamp", "date", "datetime", "date time", "ts"),
		find("temperature", "temp", "value", "celsius", "fahrenheit", "kelvin", "temperature_c", "temperature_f", "temp_c", "temp_f"),
		find("humidity", "rh", "relative humidity", "relative_humidity"),
	}, true
}

func (c columns) read(row []string, unit Unit) (at ledger.Millis, celsius, humidity int32, err error) {
	if len(row) <= max(c.time, c.temperature, c.humidity) {
		return 0, 0, 0, fmt.Errorf("it has %d columns", len(row))
	}
	if at, err = parseTime(row[c.time]); err != nil {
		return 0, 0, 0, err
	}
	if celsius, err = thousandths(row[c.temperature], unit); err != nil {
		return 0, 0, 0, err
	}
	if c.humidity >= 0 {
		humidity, err = thousandths(row[c.humidity], func(v float64) float64 { return v * 1000 })
	}
	return at, celsius, humidity, err
}

func thousandths(text string, unit Unit) (int32, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	v = math.Round(unit(v))
	if math.IsNaN(v) || v < math.MinInt32 || v > math.MaxInt32 {
		return 0, fmt.Errorf("%q is out of range", text)
	}
	return int32(v), nil
}

func parseTime(text string) (ledger.Millis, error) {
	text = strings.TrimSpace(text)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05.999"} {
		if at, err := time.Parse(layout, text); err == nil {
			return ledger.MillisOf(at), nil
		}
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		// Seconds until the year 5138, milliseconds from 1973 on.
		if n < 100_000_000_000 {
			n *= 1000
		}
		return ledger.Millis(n), nil
	}
	return 0, fmt.Errorf("%q is not a time", text)
}
