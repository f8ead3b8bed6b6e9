package demo

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/waybill-dev/waybill/api/ingest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const (
	maxCSVBytes = 256 << 20
	maxCSVRows  = 5_000_000
	// maxSkippedShare of the rows may hold no reading before the file is refused: it is something else then.
	maxSkippedShare = 0.1
)

// Series is the readings of one logger: times that rise, and for each channel a value a time.
type Series struct {
	Times    []ledger.Millis
	Channels []ledger.Channel
	// Skipped rows held no reading; FirstSkipped says which was the first and why.
	Skipped      int
	FirstSkipped string
	// Ignored names the columns that hold none of the channels.
	Ignored []string
}

// ReadSeries reads a CSV file of readings, as api/ingest understands it, whole. It fails with ingest.ErrCSV.
func ReadSeries(r io.Reader, unit ingest.Unit) (*Series, error) {
	file, err := ingest.Open(io.LimitReader(r, maxCSVBytes), ingest.Format{Unit: unit})
	if err != nil {
		return nil, err
	}
	s := &Series{Ignored: file.Ignored}
	for _, q := range file.Quantities {
		s.Channels = append(s.Channels, ledger.Channel{Quantity: q})
	}
	for reading, err := range file.Readings() {
		if err != nil {
			if _, ok := errors.AsType[*ingest.RowError](err); !ok {
				return nil, err
			}
			if s.Skipped++; s.FirstSkipped == "" {
				s.FirstSkipped = err.Error()
			}
			continue
		}
		if len(s.Times) == maxCSVRows {
			return nil, fmt.Errorf("%w: more than %d readings", ingest.ErrCSV, maxCSVRows)
		}
		s.Times = append(s.Times, reading.Time)
		for i, v := range reading.Values {
			s.Channels[i].Values = append(s.Channels[i].Values, v)
		}
	}
	if len(s.Times) == 0 || float64(s.Skipped) > maxSkippedShare*float64(len(s.Times)+s.Skipped) {
		return nil, fmt.Errorf("%w: of %d rows %d hold no reading (%s)", ingest.ErrCSV, len(s.Times)+s.Skipped, s.Skipped, s.FirstSkipped)
	}
	return s, nil
}

// celsius gives the temperatures in thousandths of a degree Celsius, none if the file holds none.
func (s *Series) celsius() []int32 {
	if i := slices.IndexFunc(s.Channels, func(c ledger.Channel) bool { return c.Quantity == ledger.Temperature }); i >= 0 {
		return s.Channels[i].Values
	}
	return nil
}
