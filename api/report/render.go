package report

import (
	"fmt"
	"io"
	"strings"
)

// Format is a form in which a report is written.
type Format string

// The formats.
const (
	CSV  Format = "csv"
	XLSX Format = "xlsx"
	JSON Format = "json"
)

// ParseFormat reads the name of a format. ErrArgument.
func ParseFormat(s string) (Format, error) {
	switch f := Format(strings.ToLower(s)); f {
	case CSV, XLSX, JSON:
		return f, nil
	}
	return "", fmt.Errorf("%w: %q is no format: csv, xlsx or json", ErrArgument, s)
}

// MediaType is the format's media type.
func (f Format) MediaType() string {
	switch f {
	case CSV:
		return "text/csv; charset=utf-8; header=present"
	case XLSX:
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case JSON:
		return "application/json"
	}
	return "application/octet-stream"
}

// Writer writes a report. It is not safe for concurrent use.
type Writer interface {
	Rows
	// Close ends the report: what was written before is not whole without it. It leaves the underlying
	// writer open.
	Close() error
}

// NewWriter begins a report in a format on w. Its memory does not grow with the number of rows.
func NewWriter(f Format, w io.Writer, sheet *Sheet) (Writer, error) {
	switch f {
	case CSV:
		return newCSV(w, sheet)
	case XLSX:
		return newXLSX(w, sheet)
	case JSON:
		return newJSON(w, sheet), nil
	}
	return nil, fmt.Errorf("%w: %q is no format", ErrArgument, f)
}

// fits reports a row that is not as wide as the sheet.
func fits(sheet *Sheet, values []Value) error {
	if len(values) != len(sheet.Columns) {
		return fmt.Errorf("%w: a row of %d values for %d columns", ErrArgument, len(values), len(sheet.Columns))
	}
	return nil
}
