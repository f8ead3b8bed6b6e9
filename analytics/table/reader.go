package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/analytics/detect/series"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Options say how a file is read. The zero value takes everything from the file.
type Options struct {
	// Delimiter between cells; 0: the one in the header, of comma, semicolon and tab.
	Delimiter byte
	// Time names the column of times, or two: of the date and of the time of day. Empty: the ones whose
	// names say so.
	Time []string
	// Dates says how dates with slashes are to be read.
	Dates DateOrder
	// Every is the time between two rows of a file without times; 0: a minute, where a column numbers
	// the rows, else such a file is refused.
	Every time.Duration
	// By names the column that tells loggers apart; empty: one that identifies a device, if there is
	// one. Whole takes the file as one series all the same.
	By    string
	Whole bool
	// Channels names the columns to score; empty: every column of numbers that is no label and no identifier.
	Channels []string
	// Ignore names columns not to score.
	Ignore []string
	// Scored takes a file that was scored before; else it is refused. What scoring added is passed through.
	Scored bool
}

// usualEvery is the time between two rows if nothing tells it.
const usualEvery = time.Minute

// Reader reads a file row by row.
type Reader struct {
	records  *records
	order    DateOrder
	header   []string
	text     []byte // of the header
	end      string // of a line
	times    []int  // columns
	step     int    // column of a row's number, -1
	every    ledger.Millis
	by       int // column, -1
	channels []Channel
	passed   []Passed
	seen     []bool // of a channel: a number was read
	chosen   bool   // the channels were named
	comma    bool   // decimals may follow a comma

	ahead struct { // the first row, read with the header
		held  bool
		text  []byte
		crlf  bool
		line  int
		fails error
	}
	row     Row
	counted map[string]int64 // rows of each series in a file without times and numbers
}

// Row is one row of a file, good until the next one.
type Row struct {
	Line  int
	Text  []byte // as it stands, without its line end
	Blank bool   // the row holds nothing
	Cells [][]byte
	At    ledger.Millis
	// Series is the text of the column that tells loggers apart, empty without one.
	Series []byte
	// Values has one value a channel, in the unit of the file; what is missing is not a number.
	Values []float64
	// Missing is how many of them are.
	Missing int
	// Short is how many cells the row lacks.
	Short int
}

// NewReader reads the header and decides by it, and by the first row, which column is what. It fails
// with ErrCSV, ErrTooLarge or ErrColumns, or as r does.
func NewReader(in io.Reader, o Options) (*Reader, error) {
	r := &Reader{records: newRecords(in), order: o.Dates, step: -1, by: -1, end: "\n"}
	text, crlf, err := r.records.read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: the file is empty", ErrCSV)
	case err != nil:
		return nil, err
	}
	if crlf {
		r.end = "\r\n"
	}
	if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) || bytes.IndexByte(text, 0) >= 0 {
		return nil, fmt.Errorf("%w: the file is in UTF-16 or no text; save it in UTF-8", ErrCSV)
	}
	if bytes.IndexByte(text, '\r') >= 0 {
		return nil, fmt.Errorf("%w: lines end in a carriage return alone; save the file with line feeds", ErrCSV)
	}
	r.text = bytes.Clone(text)
	names := bytes.TrimPrefix(text, []byte("\ufeff"))
	if r.records.mark = o.Delimiter; r.records.mark == 0 {
		r.records.mark = delimiterOf(names)
	}
	r.comma = r.records.mark != ','
	cells, err := r.records.split(names, MaxColumns)
	switch {
	case err != nil:
		return nil, err
	case len(cells) > MaxColumns:
		return nil, fmt.Errorf("%w: the header has more than %d columns", ErrTooLarge, MaxColumns)
	}
	for _, c := range cells {
		r.header = append(r.header, string(bytes.TrimSpace(c)))
	}
	return r, r.decide(o)
}

// delimiterOf finds what separates the names of a header.
func delimiterOf(header []byte) byte {
	for _, mark := range []byte{',', ';', '\t'} {
		if bytes.IndexByte(header, mark) >= 0 {
			return mark
		}
	}
	return ','
}

// decide says of each column what it is.
func (r *Reader) decide(o Options) error {
	for _, h := range r.header {
		if !o.Scored && slices.Contains(Added(), nameOf(h)) {
			return fmt.Errorf("%w: the file has a column %q already: score the file that it was made of", ErrColumns, h)
		}
		if _, ok := stamp(h, DayFirst); ok {
			return fmt.Errorf("%w: the first row names no columns, it has %s; write a header such as timestamp,value above it", ErrColumns, quoted(r.header))
		}
	}
	if err := r.decideTime(o); err != nil {
		return err
	}
	first, err := r.peek()
	if err != nil {
		return err
	}
	if err := r.decideSeries(o, first); err != nil {
		return err
	}
	if err := r.decideChannels(o, first); err != nil {
		return err
	}
	r.seen = make([]bool, len(r.channels))
	r.row.Values = make([]float64, len(r.channels))
	if len(r.times) == 0 && r.step < 0 {
		r.counted = map[string]int64{}
	}
	return nil
}

func (r *Reader) decideTime(o Options) error {
	if len(o.Time) > 2 {
		return fmt.Errorf("%w: a time is in one column or in two, of the date and of the time of day", ErrColumns)
	}
	for _, name := range o.Time {
		i, err := find(r.header, name)
		if err != nil {
			return err
		}
		r.times = append(r.times, i)
	}
	if o.Every < 0 || o.Every%time.Millisecond != 0 {
		return fmt.Errorf("%w: rows %s apart", ErrColumns, o.Every)
	}
	r.every = ledger.Millis(o.Every.Milliseconds())
	if len(r.times) > 0 {
		return nil
	}
	if r.every == 0 {
		date, clock, other := -1, -1, -1
		for i, h := range r.header {
			switch name := nameOf(h); {
			case name == "timestamp":
				r.times = []int{i}
				return nil
			case name == "date" && date < 0:
				date = i
			case name == "time" && clock < 0:
				clock = i
			case other < 0 && isTime(name):
				other = i
			}
		}
		switch {
		case other >= 0:
			r.times = []int{other}
			return nil
		case date >= 0 && clock >= 0:
			r.times = []int{date, clock}
			return nil
		case date >= 0 || clock >= 0:
			r.times = []int{max(date, clock)}
			return nil
		}
	}
	if len(r.header) > 1 && isStep(nameOf(r.header[0])) {
		r.step = 0
	}
	if r.every == 0 {
		if r.step < 0 {
			return fmt.Errorf("%w: no column is named timestamp, or says otherwise that it holds times; the header has %s", ErrColumns, quoted(r.header))
		}
		r.every = ledger.Millis(usualEvery.Milliseconds())
	}
	return nil
}

// peek gives the first row that is not blank, nil if there is none that can be split.
func (r *Reader) peek() ([][]byte, error) {
	text, crlf, err := r.records.read()
	r.ahead.held, r.ahead.text, r.ahead.crlf, r.ahead.line, r.ahead.fails = true, bytes.Clone(text), crlf, r.records.line, err
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, err
	}
	cells, err := r.records.split(text, len(r.header))
	if err != nil || len(cells) > len(r.header) {
		return nil, nil //nolint:nilerr // Next tells it of the row
	}
	return slices.Clone(cells), nil
}

func cell(row [][]byte, i int) string {
	if i >= len(row) {
		return ""
	}
	return string(bytes.TrimSpace(row[i]))
}

// isText tells whether a cell holds something that is no number.
func (r *Reader) isText(text string) bool {
	_, missing, err := r.value([]byte(text))
	return !missing && err != nil && !impossible(text)
}

func (r *Reader) decideSeries(o Options, first [][]byte) error {
	switch {
	case o.Whole:
		return nil
	case o.By != "":
		var err error
		if r.by, err = find(r.header, o.By); err == nil && slices.Contains(r.times, r.by) {
			return fmt.Errorf("%w: %q is the column of times", ErrColumns, o.By)
		}
		return err
	}
	best := 0
	for i, h := range r.header {
		if slices.Contains(r.times, i) || i == r.step || named(r.header, o.Channels, i) || named(r.header, o.Ignore, i) {
			continue
		}
		// A bare word such as sensor may name what it measured: its cells tell.
		rank, bare := identifies(nameOf(h))
		if rank > best && (!bare || r.isText(cell(first, i))) {
			best, r.by = rank, i
		}
	}
	return nil
}

// named tells whether a column is one of those named; a name that fits none is told elsewhere.
func named(header, names []string, column int) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		i, err := find(header, name)
		return err == nil && i == column
	})
}

func (r *Reader) decideChannels(o Options, first [][]byte) error {
	for _, names := range [][]string{o.Channels, o.Ignore} {
		for _, name := range names {
			if _, err := find(r.header, name); err != nil {
				return err
			}
		}
	}
	r.chosen = len(o.Channels) > 0
	for i, h := range r.header {
		switch {
		case slices.Contains(r.times, i) || i == r.step || i == r.by:
			if r.chosen && named(r.header, o.Channels, i) {
				return fmt.Errorf("%w: the column %q holds times or tells loggers apart, it cannot be scored", ErrColumns, h)
			}
		case named(r.header, o.Ignore, i):
			r.pass(i, PassedIgnored)
		case r.chosen:
			if named(r.header, o.Channels, i) {
				r.channel(i)
			} else {
				r.pass(i, PassedOther)
			}
		default:
			if why := r.unscored(h, cell(first, i)); why != "" {
				r.pass(i, why)
			} else {
				r.channel(i)
			}
		}
	}
	if len(r.channels) == 0 && !r.chosen {
		r.promote(o, first)
	}
	switch n := len(r.channels); {
	case n == 0:
		return fmt.Errorf("%w: no column holds numbers to score; the header has %s, the first row %s", ErrColumns, quoted(r.header), firstRow(first))
	case n > series.MaxChannels:
		return fmt.Errorf("%w: %d columns hold numbers, at most %d are scored together; say which", ErrColumns, n, series.MaxChannels)
	}
	return nil
}

// promote scores what would be passed through for its name alone, where nothing else is left: a name
// may be anything. A label stays a label.
func (r *Reader) promote(o Options, first [][]byte) {
	if r.by >= 0 && o.By == "" && !r.isText(cell(first, r.by)) {
		r.channel(r.by)
		r.by = -1
		return
	}
	for i, p := range r.passed {
		if (p.Why == PassedCount || p.Why == PassedIdentifier || p.Why == PassedTime) && !r.isText(cell(first, p.Column)) {
			r.channel(p.Column)
			r.passed = slices.Delete(r.passed, i, i+1)
			return
		}
	}
}

func firstRow(first [][]byte) string {
	cells := make([]string, min(len(first), 50))
	for i := range cells {
		cells[i] = string(first[i])
	}
	return quoted(cells)
}

// unscored gives why a column is not scored by its name or its first cell, empty if it is.
func (r *Reader) unscored(header, first string) string {
	name := nameOf(header)
	rank, bare := identifies(name)
	switch {
	case slices.Contains(Added(), name):
		return PassedScore
	case isLabel(name):
		return PassedLabel
	case isTime(name):
		return PassedTime
	case isCount(name):
		return PassedCount
	case r.isText(first):
		return PassedText
	case rank != 0 && !bare:
		return PassedIdentifier
	}
	return ""
}

func (r *Reader) channel(column int) {
	r.channels = append(r.channels, Channel{Name: r.header[column], Column: column, Unit: unitOf(r.header[column])})
}

func (r *Reader) pass(column int, why string) {
	r.passed = append(r.passed, Passed{r.header[column], column, why})
}

// Header gives the columns' names.
func (r *Reader) Header() []string { return slices.Clone(r.header) }

// Channels are the columns that are scored.
func (r *Reader) Channels() []Channel { return slices.Clone(r.channels) }

// Passed are the columns that are passed through. It grows where a column that was empty at first
// turns out to hold text.
func (r *Reader) Passed() []Passed { return slices.Clone(r.passed) }

// Series is the name of the column that tells loggers apart, empty without one.
func (r *Reader) Series() string {
	if r.by < 0 {
		return ""
	}
	return r.header[r.by]
}

// Times names the columns of times; none if the rows are counted, Every apart.
func (r *Reader) Times() []string {
	var names []string
	for _, i := range r.times {
		names = append(names, r.header[i])
	}
	return names
}

// Every is the time between two rows that are counted.
func (r *Reader) Every() time.Duration { return time.Duration(r.every) * time.Millisecond }

// Delimiter is what separates the cells.
func (r *Reader) Delimiter() byte { return r.records.mark }

// Idle tells whether the next row must be waited for.
func (r *Reader) Idle() bool { return !r.ahead.held && r.records.in.Buffered() == 0 }

// Next gives the next row, good until the one after it. With a *RowError it gives the row all the same,
// as far as it could be read, and goes on; any other error ends the file, io.EOF at its end.
func (r *Reader) Next() (*Row, error) {
	var text []byte
	var err error
	if r.ahead.held {
		text, err = r.ahead.text, r.ahead.fails
		r.records.line, r.ahead.held = r.ahead.line, false
	} else {
		text, _, err = r.records.read()
	}
	if err != nil {
		return nil, err
	}
	row := &r.row
	row.Line, row.Text, row.Missing, row.Short, row.Series = r.records.line, text, 0, 0, nil
	if row.Blank = len(bytes.TrimSpace(text)) == 0; row.Blank {
		return row, nil
	}
	row.Cells, err = r.records.split(text, len(r.header))
	if err != nil {
		return nil, err
	}
	if n := len(row.Cells); n != len(r.header) {
		if n > len(r.header) {
			return nil, &RowError{row.Line, fmt.Errorf("%w: it has more cells than the header's %d columns%s", ErrWidth, len(r.header), r.decimals())}
		}
		row.Short = len(r.header) - n
		return row, &RowError{row.Line, fmt.Errorf("%w: it has %d of the header's %d columns", ErrWidth, n, len(r.header))}
	}
	if r.by >= 0 {
		row.Series = bytes.TrimSpace(row.Cells[r.by])
	}
	if row.At, err = r.time(row); err != nil {
		return row, &RowError{row.Line, err}
	}
	for i := range r.channels {
		if err := r.take(row, i); err != nil {
			return row, &RowError{row.Line, err}
		}
	}
	return row, nil
}

func (r *Reader) decimals() string {
	if r.records.mark == ',' {
		return " (decimals follow a point, not a comma)"
	}
	return ""
}

// time reads a row's time, or counts it.
func (r *Reader) time(row *Row) (ledger.Millis, error) {
	const most = 1 << 40 // rows; at a minute apart far beyond the latest year
	switch {
	case len(r.times) == 1:
		return ParseTime(string(row.Cells[r.times[0]]), r.order)
	case len(r.times) == 2:
		return ParseTime(string(bytes.TrimSpace(row.Cells[r.times[0]]))+" "+string(bytes.TrimSpace(row.Cells[r.times[1]])), r.order)
	case r.step >= 0:
		text := cell(row.Cells, r.step)
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || n != math.Trunc(n) || n < 0 || n > most {
			return 0, fmt.Errorf("%w: %q is not a row's number", ErrTime, clip(text))
		}
		return r.counting(int64(n))
	}
	n := r.counted[string(row.Series)]
	if n == 0 && len(r.counted) >= MaxSeries {
		return 0, fmt.Errorf("%w: more than %d", ErrSeries, MaxSeries)
	}
	r.counted[string(row.Series)] = n + 1
	return r.counting(n)
}

// counting gives the time of a counted row, from the year 2000 on.
func (r *Reader) counting(n int64) (ledger.Millis, error) {
	at := ledger.EarliestTime + ledger.Millis(n)*r.every
	if latest := millis(latestYear, 1, 1); n > int64(latest)/int64(r.every) || at >= latest {
		return 0, fmt.Errorf("%w: row %d lies after the year %d at %s a row", ErrTime, n, latestYear, r.Every())
	}
	return at, nil
}

// take reads the value of a channel. A column that never held a number and then holds text is no
// channel after all.
func (r *Reader) take(row *Row, i int) error {
	c := r.channels[i]
	v, missing, err := r.value(row.Cells[c.Column])
	switch {
	case err != nil && !r.seen[i] && !r.chosen && !impossible(cell(row.Cells, c.Column)):
		if !slices.ContainsFunc(r.passed, func(p Passed) bool { return p.Column == c.Column }) {
			r.pass(c.Column, PassedText)
		}
		missing = true
	case err != nil:
		return fmt.Errorf("%w: column %q: %w", ErrValue, clip(c.Name), err)
	}
	if missing {
		row.Values[i] = math.NaN()
		row.Missing++
		return nil
	}
	r.seen[i] = true
	row.Values[i] = v
	return nil
}

var errNumber = errors.New("not a finite number")

// value reads a cell.
func (r *Reader) value(text []byte) (v float64, missing bool, err error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return 0, true, nil
	}
	if b := text[0]; len(text) <= 6 && b-'0' > 9 {
		switch strings.ToLower(string(text)) {
		case "na", "n/a", "#n/a", "null", "none", "-", "--":
			return 0, true, nil
		case "open", "true":
			return 1, false, nil
		case "false", "closed":
			return 0, false, nil
		}
	}
	if len(text) > 64 || bytes.ContainsAny(text, "xXpP_") {
		return 0, false, fmt.Errorf("%q is %w", clip(string(text)), errNumber)
	}
	if r.comma && bytes.IndexByte(text, '.') < 0 {
		if i := bytes.IndexByte(text, ','); i >= 0 {
			text = bytes.Clone(text)
			text[i] = '.'
		}
	}
	v, err = strconv.ParseFloat(string(text), 64)
	switch {
	case err == nil && math.Abs(v) <= largest:
		return v, false, nil
	case err == nil && math.IsNaN(v):
		return 0, false, fmt.Errorf("%q is %w (a missing value is an empty cell, NA, null or -)", clip(string(text)), errNumber)
	case err == nil && !math.IsInf(v, 0):
		return 0, false, fmt.Errorf("%q is larger than is taken, 1e300", clip(string(text)))
	}
	return 0, false, fmt.Errorf("%q is %w", clip(string(text)), errNumber)
}

// largest is the largest value that a detector takes, see series.ErrValue.
const largest = 1e300

// impossible tells whether a text is a number that no channel has, which is a fault and no word.
func impossible(text string) bool {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return (err == nil || errors.Is(err, strconv.ErrRange)) && !(math.Abs(v) <= largest)
}
