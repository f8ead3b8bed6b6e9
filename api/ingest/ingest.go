// Package ingest makes signed segments of readings that come as files. It owns the reading of CSV,
// how readings are cut into segments, and how segments are chained and signed on a device's behalf.
// It may import chaincode/ledger and chaincode/wire, and nothing of the API's protocol or of Fabric.
package ingest

import (
	"crypto"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// ErrCSV says that a file cannot be read as readings at all; the text says why.
var ErrCSV = errors.New("WB_CSV")

// ErrColumns is the ErrCSV of a file whose columns do not say what they measure: Format.Columns can.
var ErrColumns = fmt.Errorf("%w", ErrCSV)

// Bounds on a file.
const (
	maxColumns  = 64
	maxRowBytes = 64 << 10
)

// Unit is the unit that a file's temperatures are in.
type Unit string

// The units of temperature.
const (
	Celsius    Unit = "celsius"
	Fahrenheit Unit = "fahrenheit"
	Kelvin     Unit = "kelvin"
)

// milli turns a temperature into thousandths of a degree Celsius.
func (u Unit) milli(v float64) (float64, error) {
	switch u {
	case Celsius, "":
		return v * 1000, nil
	case Fahrenheit:
		return (v - 32) * 5000 / 9, nil
	case Kelvin:
		return (v - 273.15) * 1000, nil
	}
	return 0, fmt.Errorf("%w: unit %q is not celsius, fahrenheit or kelvin", ErrCSV, string(u))
}

// Reading is one row: a time and a value for each channel of the file.
type Reading struct {
	Line   int // of the file, from 1
	Time   ledger.Millis
	Values []int32 // in the order of the file's quantities, in the quantities' units
}

// RowError is a row that holds no reading.
type RowError struct {
	Line int
	Err  error
}

// Error names the line.
func (e *RowError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap gives the cause.
func (e *RowError) Unwrap() error { return e.Err }

// Format says how a file of readings is to be read. The zero value takes everything from the file.
type Format struct {
	// TimeColumn names the column of times; empty: the one named time, timestamp, date or the like,
	// else the first.
	TimeColumn string
	// Columns names the columns of values by their header and says what each measures; empty: those
	// whose names say so (temperature, humidity, shock, light, door), else one named value, which
	// holds temperatures.
	Columns map[string]ledger.Quantity
	// Unit of the temperatures; empty: the one that the header names, else degrees Celsius. It may not
	// contradict the header.
	Unit Unit
	// Now is the clock that times are held against, as the contract holds them against the
	// transaction's; nil: time.Now.
	Now func() time.Time
}

// File is a CSV file of readings whose header has been read.
type File struct {
	// Quantities are the channels, ascending.
	Quantities []ledger.Quantity
	// Ignored names the columns that are neither the time nor a channel, in the order of the file.
	Ignored []string

	rows   *rows
	now    func() time.Time
	unit   Unit
	width  int // of the header
	time   int
	column []int    // for each quantity
	first  []string // a first row that is no header
}

// Open reads the header of CSV text: a time, then values, by the names in the first row, or without
// one a time and a temperature. It fails with ErrCSV, and ErrColumns where naming columns mends it.
func Open(r io.Reader, format Format) (*File, error) {
	if _, err := format.Unit.milli(0); err != nil {
		return nil, err
	}
	f := &File{rows: newRows(r), now: format.Now, unit: format.Unit}
	if f.now == nil {
		f.now = time.Now
	}
	header, err := f.rows.next()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: the file is empty", ErrCSV)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCSV, err)
	}
	header = slices.Clone(header)
	f.width = len(header)
	if f.width < 2 {
		return nil, fmt.Errorf("%w: the first row has 1 column; a time and at least one value are needed%s", ErrCSV, otherSeparator(header[0]))
	}
	if f.width > maxColumns {
		return nil, fmt.Errorf("%w: the first row has %d columns, at most %d are allowed", ErrCSV, f.width, maxColumns)
	}
	if _, err := ParseTime(header[0]); err == nil && format.TimeColumn == "" && len(format.Columns) == 0 {
		if f.width > 2 {
			return nil, fmt.Errorf("%w: the first row names no columns and has %d of them; without names there are two, a time and a temperature (whose decimals follow a point, not a comma)", ErrColumns, f.width)
		}
		f.first, f.Quantities, f.column = header, []ledger.Quantity{ledger.Temperature}, []int{1}
		return f, nil
	}
	return f, f.columns(header, format)
}

func otherSeparator(row string) string {
	for _, c := range []struct{ mark, name string }{{";", "semicolons"}, {"\t", "tabs"}} {
		if strings.Contains(row, c.mark) {
			return "; " + c.name + " seem to separate them: save the file with commas between the columns and points in the numbers"
		}
	}
	return ""
}

func (f *File) columns(header []string, format Format) error {
	var err error
	if format.TimeColumn != "" {
		if f.time, err = find(header, format.TimeColumn); err != nil {
			return err
		}
	} else {
		f.time = max(0, slices.IndexFunc(header, func(h string) bool {
			return slices.Contains([]string{"time", "timestamp", "date", "datetime", "date time", "ts", "zeit"}, columnName(h))
		}))
	}
	at := map[ledger.Quantity]int{}
	for _, name := range slices.Sorted(maps.Keys(format.Columns)) {
		i, err := find(header, name)
		if err != nil {
			return err
		}
		q := format.Columns[name]
		if _, twice := at[q]; twice {
			return fmt.Errorf("%w: two columns measure the same", ErrCSV)
		}
		at[q] = i
	}
	said := Unit("") // by the column of temperatures
	if len(at) > 0 {
		if i, ok := at[ledger.Temperature]; ok {
			said = markedUnit(header[i])
		}
	} else if at, said = f.meanings(header, format.Unit); len(at) == 0 {
		return fmt.Errorf("%w: no column says what it measures (temperature, humidity, shock, light, door; or value for a temperature); the header has %s", ErrColumns, quoted(header))
	}
	switch {
	case said == "" || said == f.unit:
	case f.unit == "":
		f.unit = said
	default:
		return fmt.Errorf("%w: the temperatures are in %s by the header %s, not in %s", ErrCSV, said, quoted(header), f.unit)
	}
	f.Quantities = slices.Sorted(maps.Keys(at))
	for _, q := range f.Quantities {
		f.column = append(f.column, at[q])
	}
	for i, h := range header {
		if i == f.time || slices.Contains(f.column, i) {
			continue
		}
		if h = strings.TrimSpace(h); h == "" {
			h = fmt.Sprintf("column %d", i+1)
		}
		f.Ignored = append(f.Ignored, h)
	}
	return nil
}

// meanings finds what the columns measure by their names. Of several that measure the same the first
// counts, among temperatures the first that is not in another unit than is asked for.
func (f *File) meanings(header []string, unit Unit) (at map[ledger.Quantity]int, said Unit) {
	at = map[ledger.Quantity]int{}
	value, valueUnit := -1, Unit("")
	for i, h := range header {
		m, ok := meaningOf(h)
		if !ok || i == f.time {
			continue
		}
		if m.generic {
			if value < 0 {
				value, valueUnit = i, m.unit
			}
			continue
		}
		_, taken := at[m.quantity]
		clash := said != "" && unit != "" && said != unit
		if !taken || m.quantity == ledger.Temperature && clash && (m.unit == "" || m.unit == unit) {
			at[m.quantity] = i
			if m.quantity == ledger.Temperature {
				said = m.unit
			}
		}
	}
	if len(at) == 0 && value >= 0 {
		at[ledger.Temperature], said = value, valueUnit
	}
	return at, said
}

// find gives the column of that name: as it stands in the header, else without regard to case and unit.
func find(header []string, name string) (int, error) {
	for i, h := range header {
		if strings.TrimSpace(h) == strings.TrimSpace(name) {
			return i, nil
		}
	}
	found := -1
	for i, h := range header {
		if columnName(h) != columnName(name) {
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("%w: more than one column could be %q; the header has %s", ErrCSV, name, quoted(header))
		}
		found = i
	}
	if found < 0 {
		return 0, fmt.Errorf("%w: there is no column %q; the header has %s", ErrCSV, name, quoted(header))
	}
	return found, nil
}

// maxQuoted bounds how much of a header a message repeats.
const maxQuoted = 200

func quoted(header []string) string {
	text := strings.Join(header, ",")
	if len(text) > maxQuoted {
		return fmt.Sprintf("%q…", text[:maxQuoted])
	}
	return fmt.Sprintf("%q", text)
}

// Readings yields the file's rows in order. A row that the ledger could not take as a reading is
// yielded as a *RowError and the file goes on: one that cannot be read, whose time does not come
// after that of the row before it, or whose time or value lies outside what the contract allows.
// ErrCSV ends the file.
func (f *File) Readings() iter.Seq2[Reading, error] {
	return func(yield func(Reading, error) bool) {
		last := ledger.Millis(math.MinInt64)
		take := func(line int, row []string, err error) bool {
			var r Reading
			if err == nil {
				r, err = f.read(row)
			}
			r.Line = line
			if err == nil && r.Time <= last {
				err = fmt.Errorf("its time %s does not come after that of the row before", r.Time.Time().Format(time.RFC3339Nano))
			}
			if err != nil {
				return yield(Reading{}, &RowError{Line: line, Err: err})
			}
			last = r.Time
			return yield(r, nil)
		}
		if f.first != nil && !take(f.rows.line, f.first, nil) {
			return
		}
		for {
			row, err := f.rows.next()
			_, faulty := errors.AsType[*csv.ParseError](err)
			switch {
			case errors.Is(err, io.EOF):
				return
			case faulty:
				err = errors.New("its quotation marks do not match")
			case err != nil:
				yield(Reading{}, fmt.Errorf("%w: %w", ErrCSV, err))
				return
			}
			if !take(f.rows.line, row, err) {
				return
			}
		}
	}
}

func (f *File) read(row []string) (Reading, error) {
	if len(row) > f.width && slices.ContainsFunc(row[f.width:], func(s string) bool { return strings.TrimSpace(s) != "" }) {
		return Reading{}, fmt.Errorf("it has %d columns, the first row has %d (decimals follow a point, not a comma)", len(row), f.width)
	}
	if len(row) <= f.time {
		return Reading{}, fmt.Errorf("it has %s", columnCount(len(row)))
	}
	at, err := ParseTime(row[f.time])
	if err != nil {
		return Reading{}, err
	}
	switch err = ledger.CheckReadingTime(at, ledger.MillisOf(f.now())); {
	case errors.Is(err, ledger.ErrFuture): // the contract speaks of a transaction, of which there is none yet
		return Reading{}, coded(fmt.Errorf("%w: %s; set the device's clock", ledger.ErrFuture, at.Time().Format(time.RFC3339Nano)))
	case err != nil:
		return Reading{}, coded(err)
	}
	r := Reading{Time: at, Values: make([]int32, len(f.column))}
	for i, column := range f.column {
		if column >= len(row) {
			return Reading{}, fmt.Errorf("it has %s", columnCount(len(row)))
		}
		if r.Values[i], err = f.value(row[column], f.Quantities[i]); err != nil {
			return Reading{}, err
		}
	}
	return r, nil
}

// coded puts the contract's code before what the contract would say.
func coded(err error) error { return fmt.Errorf("%s: %w", ledger.Code(err), err) }

func columnCount(n int) string {
	if n == 1 {
		return "1 column"
	}
	return fmt.Sprintf("%d columns", n)
}

func (f *File) value(text string, q ledger.Quantity) (int32, error) {
	text = strings.TrimSpace(text)
	if q == ledger.Door {
		switch strings.ToLower(text) {
		case "open", "true":
			return 1000, nil
		case "closed", "false":
			return 0, nil
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	if q == ledger.Temperature {
		v, err = f.unit.milli(v)
	} else {
		v *= 1000
	}
	if err != nil {
		return 0, err
	}
	if v = math.Round(v); math.IsNaN(v) || v < math.MinInt32 || v > math.MaxInt32 {
		return 0, fmt.Errorf("%q is out of range", text)
	}
	if err := q.CheckValue(int32(v)); err != nil {
		return 0, coded(err)
	}
	return int32(v), nil
}

// ParseTime reads RFC 3339, the same without a zone (taken as UTC), with a space for the T or without
// seconds, and whole seconds or milliseconds since 1970-01-01T00:00:00Z (below 10^11 they are seconds).
func ParseTime(text string) (ledger.Millis, error) {
	text = strings.TrimSpace(text)
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05Z07:00",
	} {
		if at, err := time.Parse(layout, text); err == nil {
			return ledger.MillisOf(at), nil
		}
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		const seconds = 100_000_000_000
		if n < seconds {
			n *= 1000
		}
		return ledger.Millis(n), nil
	}
	return 0, fmt.Errorf("%q is not a time", text)
}

// Chain is a device's chain of segments and where it stands: the next segment's sequence number and
// the digest of the one before it.
type Chain struct {
	Device   string // canonical id
	Signer   crypto.Signer
	Next     uint64
	Previous ledger.Digest
	// After is the time of the last reading on the ledger, nil if there is none: readings up to it are left out.
	After *ledger.Millis
	// Passed counts the readings that were left out because of After.
	Passed int
}

// Signed is a segment ready to be pushed.
type Signed struct {
	wire.SignedSegment
	Device   string
	Seq      uint64
	From, To ledger.Millis
	Times    int
	Digest   ledger.Digest
}

// Sign encodes, chains and signs one segment, and moves the chain on.
func (c *Chain) Sign(times []ledger.Millis, channels []ledger.Channel) (Signed, error) {
	payload, err := wire.EncodeSegment(ledger.Segment{Device: c.Device, Seq: c.Next, Previous: c.Previous, Times: times, Channels: channels})
	if err != nil {
		return Signed{}, err
	}
	signature, err := wire.SignSegment(c.Signer, payload)
	if err != nil {
		return Signed{}, err
	}
	s := Signed{
		SignedSegment: wire.SignedSegment{Payload: payload, Signature: signature}, Device: c.Device, Seq: c.Next,
		From: times[0], To: times[len(times)-1], Times: len(times), Digest: wire.SegmentDigest(payload),
	}
	c.Next, c.Previous = c.Next+1, s.Digest
	return s, nil
}

// DefaultTimes is how many times a segment made of a file holds at most.
const DefaultTimes = 1_000

// Segments cuts the file's readings into signed segments of at most times each (0: DefaultTimes). A row
// without a reading is yielded as a *RowError beside no segment; every other error ends the sequence.
// Readings that the chain has passed are left out, so a file may be pushed again after more was added.
func (f *File) Segments(chain *Chain, times int) iter.Seq2[Signed, error] {
	if times <= 0 {
		times = DefaultTimes
	}
	times = min(times, ledger.MaxSegmentReadings/len(f.Quantities))
	return func(yield func(Signed, error) bool) {
		var at []ledger.Millis
		channels := make([]ledger.Channel, len(f.Quantities))
		reset := func() {
			at = nil
			for i, q := range f.Quantities {
				channels[i] = ledger.Channel{Quantity: q}
			}
		}
		cut := func() bool {
			if len(at) == 0 {
				return true
			}
			s, err := chain.Sign(at, slices.Clone(channels))
			reset()
			return yield(s, err) && err == nil
		}
		reset()
		for r, err := range f.Readings() {
			if err != nil {
				_, row := errors.AsType[*RowError](err)
				// What came before a fault that ends the file is recorded all the same.
				if !row && !cut() || !yield(Signed{}, err) || !row {
					return
				}
				continue
			}
			if chain.After != nil && r.Time <= *chain.After {
				chain.Passed++
				continue
			}
			at = append(at, r.Time)
			for i, v := range r.Values {
				channels[i].Values = append(channels[i].Values, v)
			}
			if len(at) == times && !cut() {
				return
			}
		}
		cut()
	}
}
