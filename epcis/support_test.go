package epcis_test

import (
	"errors"
	"io"

	"github.com/waybill-dev/waybill/epcis"
)

func asFaults(err error, fs *epcis.Faults) bool { return errors.As(err, fs) }

// slowReader gives out one byte after another, as a bad network does.
type slowReader struct{ data []byte }

func (r *slowReader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := min(len(p), 1)
	copy(p, r.data[:n])
	r.data = r.data[n:]
	return n, nil
}
