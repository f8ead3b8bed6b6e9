package submit_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric/fabrictest"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// rests refuses every input by a code until a device is there.
func rests(code string) fabrictest.Chaincode {
	return func(function string, _ [][]byte, v *fabrictest.View) ([]byte, error) {
		if function == wire.FnRegisterDevices {
			v.Put("base", []byte("there"))
			return recordedAll(1)
		}
		if v.Get("base") == nil {
			return wire.Encode(wire.Answers{Answers: []wire.Answer{{Status: ledger.StatusRefused, Code: code}}})
		}
		v.Put(v.TxID(), []byte("x"))
		return recordedAll(1)
	}
}

func TestAPeerThatLagsBehindDoesNotDecideWhatWasApprovedOrVotedFor(t *testing.T) {
	motion := ledger.ModelMotion{Promote: &ledger.PromoteModel{Model: ledger.ModelRef{ID: "fridge", Version: 1}, Class: ledger.AnyProduct}}
	register, closing := ledger.TaskOperation{Register: &ledger.RegisterScorer{}}, ledger.TaskOperation{Close: &ledger.Digest{1}}
	type ask func(context.Context, *submit.Submitter) ([]submit.Outcome, error)
	motions := func(ctx context.Context, s *submit.Submitter) ([]submit.Outcome, error) {
		return s.ModelMotions(ctx, []ledger.ModelMotion{motion})
	}
	verdicts := func(ctx context.Context, s *submit.Submitter) ([]submit.Outcome, error) {
		return s.Verdicts(ctx, []ledger.Verdict{{Shipment: "s"}})
	}
	tasks := func(op ledger.TaskOperation) ask {
		return func(ctx context.Context, s *submit.Submitter) ([]submit.Outcome, error) {
			return s.Tasks(ctx, []ledger.TaskOperation{op})
		}
	}
	credits := func(ctx context.Context, s *submit.Submitter) ([]submit.Outcome, error) {
		return s.Credits(ctx, []ledger.CreditOperation{{Burn: &ledger.BurnNotes{}}})
	}
	policies := func(ctx context.Context, s *submit.Submitter) ([]submit.Outcome, error) {
		return s.ScoringPolicies(ctx, make([]ledger.ScoringPolicy, 1))
	}
	for _, c := range []struct {
		what  string
		ask   ask
		code  string
		early bool
	}{
		{"a promotion before the approvals are seen", motions, ledger.CodeModelState, true},
		{"a promotion before the policy is seen", motions, ledger.CodeModelGate, true},
		{"a second approval", motions, ledger.CodeApproval, false},
		{"a verdict by a model whose approval is not seen", verdicts, ledger.CodeModelBlocked, true},
		{"a verdict with other content", verdicts, ledger.CodeConflict, false},
		{"a scorer whose bond is not seen", tasks(register), ledger.CodeStake, true},
		{"a task that is not to be closed yet", tasks(closing), ledger.CodeTaskTime, false},
		{"a payment out of a note that is not seen", credits, ledger.CodeNoteSpent, true},
		{"more than there is", credits, ledger.CodeUnbalanced, false},
		{"a scoring policy before the credit policy is seen", policies, ledger.CodeStake, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := fabrictest.New(rests(c.code))
			running(t, l, submit.Config{}, func(s *submit.Submitter) {
				out, err := c.ask(t.Context(), s)
				if err != nil || out[0].Status != ledger.StatusRefused || out[0].Code != c.code || (out[0].TxID != "") != c.early {
					t.Errorf("%s, refused by all: %+v, %v", c.what, out, err)
				}
				if _, err := s.Devices(t.Context(), make([]ledger.Device, 1)); err != nil {
					t.Fatal(err)
				}
				endorsed := 0
				l.Fault = func(s fabrictest.Step, _ string) fabrictest.Fault {
					if s == fabrictest.Endorse {
						endorsed++
					}
					return fabrictest.Fault{Stale: endorsed == 1}
				}
				out, err = c.ask(t.Context(), s)
				if err != nil || (out[0].Status == ledger.StatusRecorded) != c.early {
					t.Errorf("%s, refused by one: %+v, %v", c.what, out, err)
				}
			})
		})
	}
}
