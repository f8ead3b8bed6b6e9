package demo

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/analytics/simulate"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const (
	isClear      = waybillv1.VerdictLevel_VERDICT_LEVEL_CLEAR
	isInspect    = waybillv1.VerdictLevel_VERDICT_LEVEL_INSPECT
	isQuarantine = waybillv1.VerdictLevel_VERDICT_LEVEL_QUARANTINE
)

func verdict(window uint32, level waybillv1.VerdictLevel, final bool, reasons ...string) *waybillv1.Verdict {
	v := &waybillv1.Verdict{
		Window: window, Level: level, Final: final, TransactionId: "tx" + string('0'+rune(window%10)),
		Position: &waybillv1.Position{Block: uint64(window) + 10},
	}
	for i, code := range reasons {
		v.Reasons = append(v.Reasons, &waybillv1.Reason{Code: code, ContributionMillionths: int64(100 - i), Detail: code + " happened"})
	}
	return v
}

func TestJudge(t *testing.T) {
	excursion := simulate.Truth{Shipment: "s", Fault: simulate.FaultExcursion, AtLeast: ledger.Quarantine, Reasons: []string{"above_range", "mkt_exceeded"}}
	clean := simulate.Truth{Shipment: "s", Fault: simulate.FaultNone, AtLeast: ledger.Clear}
	for name, c := range map[string]struct {
		truth    simulate.Truth
		verdicts []*waybillv1.Verdict
		ok       bool
		level    string
		window   uint32
		why      string
	}{
		"a found fault names its first verdict": {
			excursion,
			[]*waybillv1.Verdict{verdict(0, isClear, false), verdict(1, isQuarantine, false, "shock", "mkt_exceeded"), verdict(2, isQuarantine, true, "mkt_exceeded")},
			true, "quarantine", 1, "",
		},
		"a fault found for another reason is not found": {
			excursion, []*waybillv1.Verdict{verdict(0, isQuarantine, true, "shock")}, false, "quarantine", 0, "does not name",
		},
		"a fault judged too mildly is not found": {
			excursion, []*waybillv1.Verdict{verdict(0, isInspect, true, "mkt_exceeded")}, false, "inspect", 0, "worst verdict is inspect",
		},
		"a fault without a final verdict is not settled": {
			excursion, []*waybillv1.Verdict{verdict(0, isQuarantine, false, "mkt_exceeded")}, false, "quarantine", 0, "not judged to its end",
		},
		"a clean shipment that is clear to its end": {
			clean, []*waybillv1.Verdict{verdict(0, isClear, false), verdict(1, isClear, true)}, true, "clear", 1, "",
		},
		"a clean shipment once to be inspected is condemned": {
			clean, []*waybillv1.Verdict{verdict(0, isInspect, false, "drift"), verdict(1, isClear, true)}, false, "inspect", 0, "clean",
		},
		"a clean shipment without an end": {
			clean, []*waybillv1.Verdict{verdict(0, isClear, false)}, false, "clear", 0, "not judged to its end",
		},
		"no verdict at all": {clean, nil, false, "none", 0, "no verdict"},
	} {
		t.Run(name, func(t *testing.T) {
			rows := Judge([]simulate.Truth{c.truth}, map[string][]*waybillv1.Verdict{"s": c.verdicts})
			r := rows[0]
			if r.OK != c.ok || r.Level != c.level || r.Window != c.window || !strings.Contains(r.Why, c.why) || (c.why == "") != (r.Why == "") {
				t.Fatalf("got %+v", r)
			}
		})
	}
}

func TestARowTellsTheReasonOfThePlantedFault(t *testing.T) {
	truth := simulate.Truth{Shipment: "s", Fault: simulate.FaultFreeze, AtLeast: ledger.Quarantine, Reasons: []string{"frozen"}}
	rows := Judge([]simulate.Truth{truth}, map[string][]*waybillv1.Verdict{"s": {verdict(3, isQuarantine, true, "shock", "frozen")}})
	if r := rows[0]; r.Code != "frozen" || r.Reason != "frozen happened" || r.Block != 13 || r.Transaction != "tx3" {
		t.Fatalf("got %+v", r)
	}
}

func testKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }
