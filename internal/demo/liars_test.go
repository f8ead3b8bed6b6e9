package demo

import (
	"bytes"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/internal/liar"
)

func TestADayIsLiedAboutInEveryWayThatItAllows(t *testing.T) {
	clean := func(s string) simulate.Truth {
		return simulate.Truth{Shipment: s, Fault: simulate.FaultNone, AtLeast: ledger.Clear}
	}
	bad := simulate.Truth{Shipment: "bad", Fault: simulate.FaultFreeze, AtLeast: ledger.Quarantine}
	odd := simulate.Truth{Shipment: "odd", Fault: simulate.FaultDrift, AtLeast: ledger.Inspect}
	for name, c := range map[string]struct {
		truth []simulate.Truth
		want  string
	}{
		"nothing":    {nil, ""},
		"one clean":  {[]simulate.Truth{clean("a")}, "wrong answer"},
		"one bad":    {[]simulate.Truth{bad}, "wrong answer"},
		"a good day": {[]simulate.Truth{bad, odd, clean("a"), clean("b")}, "wrong answer, wrong answer, copied commitment, silence, false claim"},
	} {
		all := lies(c.truth)
		var ways []string
		for _, l := range all {
			ways = append(ways, string(l.Way))
		}
		if got := strings.Join(ways, ", "); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
		for _, l := range all {
			if l.Way == liar.Wrong && (len(l.Shipments) != 1 || (l.Shipments[0] == "bad") != (l.Say == ledger.Clear)) {
				t.Errorf("%s: %+v", name, l)
			}
		}
	}
}

func TestScoringIsWellOnlyIfEveryLieWasPaidForAndNothingStands(t *testing.T) {
	well := func() *ScoringReport {
		r := &ScoringReport{Liar: Assessor, Windows: 9, ByFour: 9, Final: 9, Credits: CreditsRow{Minted: 7, Burned: 1, Unspent: 2, Locked: 4, Balanced: true}}
		r.Lies = []LieRow{{Lie: "silence", OK: true, Shipment: "https://id.gs1.org/00/1", Said: "nothing", Caught: "shown silent", By: "carrier", Cost: 200, Reward: 100}}
		for _, org := range append(organisations(), Assessor) {
			r.Scorers = append(r.Scorers, ScorerRow{Organisation: org, Stake: 10_000})
		}
		r.Scorers[3].Wrong = 1
		return r
	}
	for name, change := range map[string]func(r *ScoringReport){
		"a lie that was not told":    func(r *ScoringReport) { r.Lies = nil },
		"a lie that cost nothing":    func(r *ScoringReport) { r.Lies[0].OK = false },
		"a window without a verdict": func(r *ScoringReport) { r.Final-- },
		"nothing judged":             func(r *ScoringReport) { r.Windows, r.Final = 0, 0 },
		"an honest one found wrong":  func(r *ScoringReport) { r.Scorers[0].Wrong = 1 },
		"a scorer missing":           func(r *ScoringReport) { r.Scorers = r.Scorers[1:] },
		"credits out of nothing":     func(r *ScoringReport) { r.Credits.Balanced = false },
	} {
		r := well()
		if r.settle(1); !r.OK {
			t.Fatalf("not well: %+v", r)
		}
		r = well()
		change(r)
		if r.settle(1); r.OK {
			t.Errorf("%s: well", name)
		}
	}
	var text bytes.Buffer
	r := well()
	r.settle(1)
	if err := r.writeText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one of them lies: assessor", "00/1", "shown silent", "100 carrier", "7 credits were minted: 1 are burned, 2 unspent and 4 locked, which adds up.", "9 windows of these shipments were judged, all by a panel of four. 9 of"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
}

func TestAClaimThatWasRefutedIsSaidToBe(t *testing.T) {
	claims := []ledger.Claim{{}, {Refuted: &ledger.Refutation{Height: 7}}}
	if refutedBy(claims[:1]) != "" || refutedBy(claims) != "refuted, root 7" {
		t.Error(refutedBy(claims))
	}
}

func TestTheReportCountsWhoJudged(t *testing.T) {
	r := ScoringReport{Windows: 9, ByFour: 6, Final: 8}
	if got := r.judged(); !strings.Contains(got, "6 by a panel of four and 3 by fewer. 8 of") {
		t.Error(got)
	}
	if got := nothingTaken(&ledger.Stake{Slashed: 10_000}); !strings.Contains(got, "the stake's 10000 credits had gone") {
		t.Error(got)
	}
	if got := nothingTaken(&ledger.Stake{Bonded: 1, Slashed: 9_999}); got != "nothing was taken for it" {
		t.Error(got)
	}
}
