package statetest_test

import (
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/waybill-dev/waybill/chaincode/state/statetest"
)

// twoOf is the policy of two of three organisations.
func twoOf(t *testing.T, orgs ...string) []byte {
	t.Helper()
	envelope := &common.SignaturePolicyEnvelope{}
	n := &common.SignaturePolicy_NOutOf{N: 2}
	for i, org := range orgs {
		role, err := proto.Marshal(&msp.MSPRole{Role: msp.MSPRole_PEER, MspIdentifier: org})
		if err != nil {
			t.Fatal(err)
		}
		envelope.Identities = append(envelope.Identities, &msp.MSPPrincipal{Principal: role})
		n.Rules = append(n.Rules, &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: int32(i)}})
	}
	envelope.Rule = &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{NOutOf: n}}
	out, err := proto.Marshal(envelope)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAKeysOwnPolicyIsHeldTo(t *testing.T) {
	w := statetest.NewWorld()
	first := simulate(w, "first")
	put(t, first, "k", "1")
	if err := first.SetStateValidationParameter("k", twoOf(t, "A", "B", "C")); err != nil {
		t.Fatal(err)
	}
	first.Endorsers = []string{"Z"} // a key that is not there has no policy
	if codes := w.Commit(first); codes[0] != peer.TxValidationCode_VALID || w.Policy("k") == nil {
		t.Fatal(codes)
	}
	for i, v := range []struct {
		endorsers []string
		ok        bool
	}{
		{[]string{"A", "B"}, true},
		{[]string{"C", "Z", "A"}, true},
		{nil, true},
		{[]string{"A"}, false},
		{[]string{"A", "A"}, false},
		{[]string{"A", "Z"}, false},
	} {
		for name, change := range map[string]func(*statetest.Stub) error{
			"write":  func(s *statetest.Stub) error { return s.PutState("k", []byte("2")) },
			"policy": func(s *statetest.Stub) error { return s.SetStateValidationParameter("k", twoOf(t, "A", "B", "C")) },
		} {
			s := simulate(w, name+string(rune('a'+i)))
			s.Endorsers = v.endorsers
			if err := change(s); err != nil {
				t.Fatal(err)
			}
			want := peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE
			if v.ok {
				want = peer.TxValidationCode_VALID
			}
			if codes := w.Commit(s); codes[0] != want {
				t.Errorf("%s endorsed by %v: %s", name, v.endorsers, codes[0])
			}
		}
	}
	// A policy that a block changed closes its key to the block's later transactions.
	a, b := simulate(w, "x"), simulate(w, "y")
	if err := a.SetStateValidationParameter("k", twoOf(t, "A", "B")); err != nil {
		t.Fatal(err)
	}
	put(t, b, "k", "3")
	if codes := w.Commit(a, b); codes[0] != peer.TxValidationCode_VALID || codes[1] != peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE {
		t.Error(codes)
	}
}

func TestPagesAreForQueries(t *testing.T) {
	w := statetest.NewWorld()
	s := simulate(w, "seed")
	for _, name := range []string{"1", "2", "3"} {
		key, err := s.CreateCompositeKey("note", []string{name})
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, key, name)
	}
	if _, _, err := s.GetStateByPartialCompositeKeyWithPagination("note", nil, 2, ""); err == nil {
		t.Error("a transaction that wrote reads pages")
	}
	w.Commit(s)
	q, bookmark, got := simulate(w, "query"), "", ""
	for range 2 {
		rows, more, err := q.GetStateByPartialCompositeKeyWithPagination("note", nil, 2, bookmark)
		if err != nil {
			t.Fatal(err)
		}
		for rows.HasNext() {
			row, err := rows.Next()
			if err != nil {
				t.Fatal(err)
			}
			got += string(row.GetValue())
		}
		got += "."
		bookmark = more.GetBookmark()
	}
	if got != "12.3." || bookmark != "" {
		t.Error(got, bookmark)
	}
	if err := q.PutState("k", []byte("1")); err == nil {
		t.Error("a transaction that read pages writes")
	}
}
