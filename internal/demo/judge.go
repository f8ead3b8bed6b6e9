package demo

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/analytics/simulate"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Row is one shipment: what was planted and what its verdicts say.
type Row struct {
	Shipment string `json:"shipment"`
	Product  string `json:"product"`
	Lane     string `json:"lane,omitempty"`
	Fault    string `json:"fault"`
	// Level, Window, Reason, Block and Transaction are of the verdict that tells most: the first that
	// names the planted fault, else the worst, else the last.
	Level       string `json:"level"`
	Reason      string `json:"reason"`
	Code        string `json:"code,omitempty"`
	Window      uint32 `json:"window"`
	Final       bool   `json:"final"`
	Model       string `json:"model,omitempty"`
	Block       uint64 `json:"block"`
	Transaction string `json:"transaction"`
	// Verdicts is how many verdicts there are on the shipment.
	Verdicts int `json:"verdicts"`
	// OK says that the planted fault was found, or that the clean shipment was left alone. Why says what is not.
	OK  bool   `json:"ok"`
	Why string `json:"why,omitempty"`
}

// level maps the API's level to the ledger's.
func level(l waybillv1.VerdictLevel) ledger.VerdictLevel {
	switch l {
	case waybillv1.VerdictLevel_VERDICT_LEVEL_CLEAR:
		return ledger.Clear
	case waybillv1.VerdictLevel_VERDICT_LEVEL_INSPECT:
		return ledger.Inspect
	case waybillv1.VerdictLevel_VERDICT_LEVEL_QUARANTINE:
		return ledger.Quarantine
	default:
		return 0
	}
}

// Judge holds the verdicts, by shipment and window, against what was planted. A fault counts
// as found if a verdict has at least the expected level and one of the expected reasons, and the
// shipment was judged to its end; a clean shipment must have a final verdict and none but clear ones.
func Judge(truth []simulate.Truth, verdicts map[string][]*waybillv1.Verdict) []Row {
	rows := make([]Row, len(truth))
	for i, t := range truth {
		rows[i] = judgeOne(t, verdicts[t.Shipment])
	}
	return rows
}

func judgeOne(t simulate.Truth, all []*waybillv1.Verdict) Row {
	row := Row{Shipment: t.Shipment, Product: t.Product, Lane: t.Lane, Fault: string(t.Fault), Level: "none", Verdicts: len(all)}
	if len(all) == 0 {
		row.Why = "there is no verdict on it"
		return row
	}
	worst := slices.MaxFunc(all, func(a, b *waybillv1.Verdict) int { return cmp.Compare(a.GetLevel(), b.GetLevel()) })
	judged := slices.ContainsFunc(all, (*waybillv1.Verdict).GetFinal)
	if t.Fault == simulate.FaultNone {
		if worst.GetLevel() > waybillv1.VerdictLevel_VERDICT_LEVEL_CLEAR {
			row.tell(worst, "")
			row.Why = fmt.Sprintf("it is clean, and a verdict says %s", level(worst.GetLevel()))
			return row
		}
		row.tell(all[len(all)-1], "")
		if row.OK = judged; !judged {
			row.Why = "it was not judged to its end"
		}
		return row
	}
	at := slices.IndexFunc(all, func(v *waybillv1.Verdict) bool {
		return level(v.GetLevel()) >= t.AtLeast && reasonOf(v, t.Reasons) != nil
	})
	switch {
	case at >= 0:
		row.tell(all[at], reasonOf(all[at], t.Reasons).GetCode())
		if row.OK = judged; !judged {
			row.Why = "it was not judged to its end"
		}
	case level(worst.GetLevel()) >= t.AtLeast:
		row.tell(worst, "")
		row.Why = "the verdict does not name " + strings.Join(t.Reasons, " or ")
	default:
		row.tell(worst, "")
		row.Why = fmt.Sprintf("its worst verdict is %s, not %s", level(worst.GetLevel()), t.AtLeast)
	}
	return row
}

// reasonOf gives the verdict's reason of one of the codes, the one that contributes most; nil if it has none.
func reasonOf(v *waybillv1.Verdict, codes []string) *waybillv1.Reason {
	var best *waybillv1.Reason
	for _, r := range v.GetReasons() {
		if slices.Contains(codes, r.GetCode()) && (best == nil || r.GetContributionMillionths() > best.GetContributionMillionths()) {
			best = r
		}
	}
	return best
}

// tell fills the row from a verdict, with the reason of that code, or else the one that contributes most.
func (r *Row) tell(v *waybillv1.Verdict, code string) {
	r.Level, r.Window, r.Final, r.Model = level(v.GetLevel()).String(), v.GetWindow(), v.GetFinal(), v.GetModel()
	r.Block, r.Transaction = v.GetPosition().GetBlock(), v.GetTransactionId()
	var reason *waybillv1.Reason
	for _, c := range v.GetReasons() {
		if c.GetCode() == code && code != "" {
			reason = c
			break
		}
		if reason == nil || c.GetContributionMillionths() > reason.GetContributionMillionths() {
			reason = c
		}
	}
	if reason != nil {
		r.Code, r.Reason = reason.GetCode(), cmp.Or(reason.GetDetail(), reason.GetCode())
	}
}
