// Package table reads files of readings as comma-separated text, row by row, scores them, and writes
// the same rows out with what they got. It owns which column is what: the time, the logger, the
// channels that are measured, and what is passed through untouched, labels first of all. Its memory
// does not grow with the file. It may import ledger, analytics/score and analytics/detect; no gonum,
// and nothing of the service.
package table

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of a file, which end it.
var (
	// ErrCSV says that the text is no table: quotation marks, line ends, encoding.
	ErrCSV = errors.New("WB_CSV")
	// ErrTooLarge says that a row or its number of columns is beyond the bounds.
	ErrTooLarge = errors.New("WB_CSV_TOO_LARGE")
	// ErrColumns says that the header does not tell what to read; Options can.
	ErrColumns = errors.New("WB_COLUMNS")
	// ErrSeries says that the file holds more loggers than are kept apart at once.
	ErrSeries = errors.New("WB_TOO_MANY_SERIES")
)

// Errors of a row. They come in a *RowError; the file can be read on.
var (
	// ErrWidth says that a row has more or fewer cells than the header.
	ErrWidth = errors.New("WB_ROW_WIDTH")
	// ErrTime says that a row's time cannot be read.
	ErrTime = errors.New("WB_TIME")
	// ErrOrder says that a row's time lies before that of the row before it.
	ErrOrder = errors.New("WB_TIME_ORDER")
	// ErrGap says that a row's time lies too far after that of the row before it.
	ErrGap = errors.New("WB_TIME_GAP")
	// ErrValue says that a cell of a channel is not a finite number.
	ErrValue = errors.New("WB_VALUE")
)

// RowError is a row that holds no reading.
type RowError struct {
	Line int // of the file, from 1
	Err  error
}

// Error gives the code, the line and the cause.
func (e *RowError) Error() string {
	for _, code := range []error{ErrWidth, ErrTime, ErrOrder, ErrGap, ErrValue} {
		if errors.Is(e.Err, code) {
			return fmt.Sprintf("%s: line %d: %s", code, e.Line, strings.TrimPrefix(e.Err.Error(), code.Error()+": "))
		}
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Err)
}

// Unwrap gives the cause.
func (e *RowError) Unwrap() error { return e.Err }
