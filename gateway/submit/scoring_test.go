package submit_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric/fabrictest"
	"github.com/waybill-dev/waybill/gateway/submit"
)

func recordedAll(n int) ([]byte, error) {
	out := wire.Answers{Answers: make([]wire.Answer, n)}
	for i := range out.Answers {
		out.Answers[i].Status = ledger.StatusRecorded
	}
	return wire.Encode(out)
}

func TestAProposalThatCameTooLateIsMadeAnew(t *testing.T) {
	late, policies := 2, 0
	chaincode := func(function string, arguments [][]byte, v *fabrictest.View) ([]byte, error) {
		switch {
		case function == wire.FnGovernScoring:
			policies++
			return nil, fabrictest.Refuse(ledger.CodeClockSkew, "late")
		case late > 0:
			late--
			return nil, fabrictest.Refuse(ledger.CodeClockSkew, "late")
		}
		b, err := wire.DecodeTaskBatch(arguments[0])
		if err != nil {
			return nil, err
		}
		v.Put(v.TxID(), []byte("x"))
		return recordedAll(len(b.Operations))
	}
	synctest.Test(t, func(t *testing.T) {
		running(t, fabrictest.New(chaincode), submit.Config{}, func(s *submit.Submitter) {
			out, err := s.Tasks(t.Context(), []ledger.TaskOperation{{Close: &ledger.Digest{1}}, {Close: &ledger.Digest{2}}})
			if err != nil || late != 0 || out[1].Status != ledger.StatusRecorded {
				t.Errorf("%+v, %v", out, err)
			}
			// A vote is held to minutes: whose clock is out by that must be told.
			if _, err := s.ScoringPolicies(t.Context(), make([]ledger.ScoringPolicy, 1)); err == nil || policies != 1 {
				t.Errorf("%d tries, %v", policies, err)
			}
		})
	})
}

func TestATransactionHasOneChallengeAndOneTaskIsInOneTransactionAtATime(t *testing.T) {
	var kinds [][]string
	chaincode := func(_ string, arguments [][]byte, v *fabrictest.View) ([]byte, error) {
		b, err := wire.DecodeTaskBatch(arguments[0])
		if err != nil {
			return nil, err
		}
		var all []string
		for _, op := range b.Operations {
			all = append(all, op.TaskKind())
			task, err := wire.OperationDigest(op)
			if err != nil {
				return nil, err
			}
			v.Get(task.String())
			v.Put(task.String(), []byte(v.TxID()))
		}
		kinds = append(kinds, all)
		return recordedAll(len(b.Operations))
	}
	synctest.Test(t, func(t *testing.T) {
		l := fabrictest.New(chaincode)
		running(t, l, submit.Config{}, func(s *submit.Submitter) {
			challenge := func(n byte) ledger.TaskOperation {
				return ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: ledger.Digest{n}}}
			}
			reveal := ledger.TaskOperation{Reveal: &ledger.RevealAnswer{Task: ledger.Digest{1}}}
			out, err := s.Tasks(t.Context(), []ledger.TaskOperation{reveal, challenge(1), challenge(2), challenge(1)})
			if err != nil || len(out) != 4 {
				t.Fatalf("%+v, %v", out, err)
			}
			for _, batch := range kinds {
				if n := len(slices.DeleteFunc(slices.Clone(batch), func(k string) bool { return k != "challenge" })); n > ledger.MaxBatchRulings {
					t.Errorf("%d challenges in one transaction: %v", n, kinds)
				}
			}
			if ordered, _ := l.Ordered(); ordered != len(kinds) {
				t.Errorf("%d of %d transactions were ordered: they met", ordered, len(kinds))
			}
		})
	})
}

func TestOpeningsOfLongTasksAreSpreadOverTransactions(t *testing.T) {
	var opened []int
	chaincode := func(_ string, arguments [][]byte, v *fabrictest.View) ([]byte, error) {
		b, err := wire.DecodeTaskBatch(arguments[0])
		if err != nil {
			return nil, err
		}
		opened = append(opened, len(b.Operations))
		v.Put(v.TxID(), []byte("x"))
		return recordedAll(len(b.Operations))
	}
	synctest.Test(t, func(t *testing.T) {
		running(t, fabrictest.New(chaincode), submit.Config{}, func(s *submit.Submitter) {
			var all []ledger.TaskOperation
			for i := range 6 {
				all = append(all, ledger.TaskOperation{Open: &ledger.TaskStatement{
					Shipment: "s", Window: uint32(i), References: []ledger.Reference{{Kind: ledger.RefSegments, ID: "d", First: 1, Last: ledger.MaxTaskSegments - 1}},
				}})
			}
			if _, err := s.Tasks(t.Context(), all); err != nil || !slices.Equal(opened, []int{2, 2, 2}) {
				t.Errorf("%v, %v", opened, err)
			}
		})
	})
}
