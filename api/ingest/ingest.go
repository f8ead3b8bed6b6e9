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
	// whose names say so (temperature, humidity, shock, light, door), else one column of
	// temperatures, named value or standing second.
	Columns map[string]ledger.Quantity
	// Unit of the temperatures; empty: degrees Celsius.
	Unit Unit
}

// File is a CSV file of readings whose header has been read.
type File struct {
	// Quantities are the channels, ascending.
	Quantities []ledger.Quantity

	rows   *csv.Reader
	unit   Unit
	time   int
	column []int    // for each quantity
	first  []string // a first row that is no header
}

// Open reads the header of CSV text: a time, then values, by the names in the first row, or without
// one by position. It fails with ErrCSV.
func Open(r io.Reader, format Format) (*File, error) {
	if _, err := format.Unit.milli(0); err != nil {
		return nil, err
	}
	rows := csv.NewReader(&lineLimit{r: r})
	rows.ReuseRecord = true
	rows.FieldsPerRecord = -1
	rows.TrimLeadingSpace = true
	header, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: the file is empty", ErrCSV)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCSV, err)
	}
	f := &File{rows: rows, unit: format.Unit}
	if len(header) < 2 || len(header) > maxColumns {
		return nil, fmt.Errorf("%w: the first row has %d columns; a time and at least one value are needed, %d columns at most", ErrCSV, len(header), maxColumns)
	}
	header = slices.Clone(header)
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	if _, err := ParseTime(header[0]); err == nil && format.TimeColumn == "" && len(format.Columns) == 0 {
		f.first, f.Quantities, f.column = header, []ledger.Quantity{ledger.Temperature}, []int{1}
		return f, nil
	}
	return f, f.columns(header, format)
}

func (f *File) columns(header []string, format Format) error {
	names := make([]string, len(header))
	for i, h := range header {
		names[i] = columnName(h)
	}
	find := func(name string) (int, error) {
		if i := slices.Index(names, columnName(name)); i >= 0 {
			return i, nil
		}
		return 0, fmt.Errorf("%w: there is no column %q; the header has %q", ErrCSV, name, strings.Join(header, ","))
	}
	if format.TimeColumn != "" {
		at, err := find(format.TimeColumn)
		if err != nil {
			return err
		}
		f.time = at
	} else {
		f.time = max(0, slices.IndexFunc(names, func(n string) bool {
			return slices.Contains([]string{"time", "timestamp", "date", "datetime", "date time", "ts", "zeit"}, n)
		}))
	}
	at := map[ledger.Quantity]int{}
	for _, name := range sortedKeys(format.Columns) {
		i, err := find(name)
		if err != nil {
			return err
		}
		q := format.Columns[name]
		if _, twice := at[q]; twice {
			return fmt.Errorf("%w: two columns measure the same", ErrCSV)
		}
		at[q] = i
	}
	if len(at) == 0 {
		for i, n := range names {
			q, ok := quantityOf(n)
			if _, taken := at[q]; ok && !taken && i != f.time {
				at[q] = i
			}
		}
	}
	if len(at) == 0 {
		i := slices.Index(names, "value")
		if i < 0 && len(names) == 2 {
			i = 1 - f.time
		}
		if i < 0 {
			return fmt.Errorf("%w: no column says what it measures; the header has %q", ErrCSV, strings.Join(header, ","))
		}
		at[ledger.Temperature] = i
	}
	for q := range at {
		f.Quantities = append(f.Quantities, q)
	}
	slices.Sort(f.Quantities)
	for _, q := range f.Quantities {
		f.column = append(f.column, at[q])
	}
	return nil
}

func sortedKeys(m map[string]ledger.Quantity) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// columnName is a header without case, unit in brackets and quotes.
func columnName(header string) string {
	name := strings.ToLower(strings.Trim(header, " \"\t"))
	if i := strings.IndexAny(name, "(["); i > 0 {
		name = name[:i]
	}
	return strings.TrimSpace(strings.ReplaceAll(name, "_", " "))
}

func quantityOf(name string) (ledger.Quantity, bool) {
	switch name {
	case "temperature", "temp", "temperature c", "temp c", "temperature f", "temp f", "celsius", "fahrenheit", "kelvin":
		return ledger.Temperature, true
	case "humidity", "rh", "relative humidity":
		return ledger.RelativeHumidity, true
	case "shock", "acceleration", "g":
		return ledger.Shock, true
	case "light", "lux", "illuminance":
		return ledger.Light, true
	case "door", "door open":
		return ledger.Door, true
	}
	return 0, false
}

// Readings yields the file's rows in order. A row that holds no reading, or whose time does not come
// after the row before it, is yielded as a *RowError and the file goes on; ErrCSV ends it.
func (f *File) Readings() iter.Seq2[Reading, error] {
	return func(yield func(Reading, error) bool) {
		last := ledger.Millis(math.MinInt64)
		take := func(line int, row []string) bool {
			r, err := f.read(row)
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
		if f.first != nil && !take(1, f.first) {
			return
		}
		for {
			row, err := f.rows.Read()
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(Reading{}, fmt.Errorf("%w: %w", ErrCSV, err))
				return
			}
			line, _ := f.rows.FieldPos(0)
			if !take(line, row) {
				return
			}
		}
	}
}

func (f *File) read(row []string) (Reading, error) {
	if len(row) <= f.time {
		return Reading{}, fmt.Errorf("it has %d columns", len(row))
	}
	at, err := ParseTime(row[f.time])
	if err != nil {
		return Reading{}, err
	}
	r := Reading{Time: at, Values: make([]int32, len(f.column))}
	for i, column := range f.column {
		if column >= len(row) {
			return Reading{}, fmt.Errorf("it has %d columns", len(row))
		}
		if r.Values[i], err = f.value(row[column], f.Quantities[i]); err != nil {
			return Reading{}, err
		}
	}
	return r, nil
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
				if !yield(Signed{}, err) || !row {
					return
				}
				continue
			}
			if chain.After != nil && r.Time <= *chain.After {
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

// lineLimit ends a source whose rows are too long to be rows, so that memory stays bounded.
type lineLimit struct {
	r   io.Reader
	run int // bytes since the last line break
}

func (l *lineLimit) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for _, c := range p[:n] {
		if l.run++; c == '\n' {
			l.run = 0
		}
		if l.run > maxRowBytes {
			return 0, fmt.Errorf("a row has more than %d bytes", maxRowBytes)
		}
	}
	return n, err
}
