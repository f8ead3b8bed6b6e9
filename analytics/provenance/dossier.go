package provenance

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Dossier is all that a ledger holds of a version of a model.
type Dossier struct {
	Model       ledger.ModelVersion
	Status      ledger.ModelStatus
	Revocation  *ledger.Revocation
	Datasets    []ledger.DatasetSnapshot // that it was fitted to or evaluated on
	Evaluations []ledger.Evaluation
	Approvals   []ledger.Approval
	Aliases     []ledger.Alias // by which it serves or served
}

// State is how the version stands, revoked if it was.
func (d *Dossier) State() ledger.ModelState {
	if d.Revocation != nil {
		return ledger.ModelRevoked
	}
	return d.Status.State
}

// fitted reports whether the version was fitted to a snapshot.
func (d *Dossier) fitted(id string, version uint32) bool {
	return slices.ContainsFunc(d.Model.Training, func(r ledger.DatasetRef) bool { return r.ID == id && r.Version == version })
}

func datasetName(id string, version uint32) string { return fmt.Sprintf("%s/%d", id, version) }

// stamp is a time of the ledger as RFC 3339 has it.
func stamp(at ledger.Millis) string {
	return time.UnixMilli(int64(at)).UTC().Format("2006-01-02T15:04:05.000Z")
}

// millionths writes a metric's value as a decimal number, without rounding.
func millionths(n int64) string {
	sign := ""
	u := uint64(n) //nolint:gosec // the sign is told apart
	if n < 0 {
		sign, u = "-", -u
	}
	s := fmt.Sprintf("%s%d.%06d", sign, u/1_000_000, u%1_000_000)
	for s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	if s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s
}

func decimal[N ~uint32 | ~uint64](n N) string { return strconv.FormatUint(uint64(n), 10) }
