package contract

import (
	"fmt"
	"strconv"
	"time"

	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-contract-api-go/v2/metadata"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Anchor holds the organisations' signed roots of the proof log.
type Anchor struct {
	contractapi.Contract

	clock func() time.Time
}

func newAnchor(clock func() time.Time) *Anchor {
	c := &Anchor{clock: clock}
	c.Name = "anchor"
	c.Info = metadata.InfoMetadata{
		Title: "Anchor", Version: "1",
		Description: "Each organisation's signed root of the proof log at a height. Arguments and results are of package chaincode/wire.",
	}
	return c
}

// GetEvaluateTransactions names the functions that only read.
func (*Anchor) GetEvaluateTransactions() []string { return []string{"GetAnchor", "GetAnchorHead"} }

// AnchorRoots records a wire.RootBatch and answers each root for itself. It needs the role anchor; a
// root is signed by the key of the transaction's own submitter, and written once for a height and an
// organisation. Whether it is right is not asked.
func (c *Anchor) AnchorRoots(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleAnchor)
	if err != nil {
		return nil, coded(err)
	}
	in, err := wire.DecodeRootBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	certificate, err := ctx.GetClientIdentity().GetX509Certificate()
	if err != nil || certificate == nil {
		return nil, coded(fmt.Errorf("%w: the submitter has no X.509 certificate", ledger.ErrUnauthorised))
	}
	head, err := wire.AnchorHeadKey(t.Actor.MSPID)
	if err != nil {
		return nil, coded(err)
	}
	keys := []string{head}
	for _, r := range in.Roots {
		var key string
		if key, err = wire.RootKey(r.Root.Height, t.Actor.MSPID); err != nil {
			return nil, coded(err)
		}
		keys = append(keys, key)
	}
	if err = t.repository.Prefetch(keys); err != nil {
		return nil, coded(err)
	}
	for _, r := range in.Roots {
		decide := func(statement []byte, v ledger.AnchorView) (ledger.Anchor, ledger.Status, error) {
			return ledger.DecideAnchor(r.Root, r.Signed, statement, certificate.PublicKey, certificate.Raw, v, t.Tx)
		}
		if err = t.anchorRoot(r, decide); err != nil {
			return nil, coded(err)
		}
	}
	answers, err := t.end()
	return answers, coded(err)
}

func (t *transaction) anchorRoot(r wire.SignedRoot, decide func(statement []byte, v ledger.AnchorView) (ledger.Anchor, ledger.Status, error)) error {
	if err := ledger.CheckRoot(r.Root); err != nil {
		t.refuse(err, r.Root.Hash)
		return nil
	}
	statement, err := wire.RootStatement(r.Root, t.Actor.MSPID, r.Signed.At)
	if err != nil {
		return err
	}
	view := ledger.AnchorView{Channel: t.stub.GetChannelID()}
	if view.Recorded, err = t.repository.Anchor(r.Root.Height, t.Actor.MSPID); err != nil {
		return err
	}
	if view.Head, err = t.repository.AnchorHead(t.Actor.MSPID); err != nil {
		return err
	}
	anchor, status, err := decide(statement, view)
	switch {
	case refusal(err):
		t.refuse(err, r.Root.Hash)
		return nil
	case err != nil:
		return err
	case status == ledger.StatusDuplicate:
		t.answer(wire.Answer{Status: status, Digest: r.Root.Hash, RecordedIn: anchor.TxID})
		return nil
	}
	t.answer(wire.Answer{Status: status, Digest: r.Root.Hash})
	t.summary.Anchors = append(t.summary.Anchors, wire.AnchorRef{Height: r.Root.Height, MSPID: t.Actor.MSPID})
	return t.repository.CreateAnchor(anchor)
}

// GetAnchor gives the ledger.Anchor of a height, in decimal, and an organisation.
func (*Anchor) GetAnchor(ctx contractapi.TransactionContextInterface, height, mspID string) ([]byte, error) {
	n, err := strconv.ParseUint(height, 10, 64)
	if err != nil {
		return nil, coded(fmt.Errorf("%w: height %.40q", ledger.ErrMalformed, height))
	}
	anchor, err := state.New(ctx.GetStub()).Anchor(n, mspID)
	if err == nil && anchor == nil {
		err = fmt.Errorf("%w: a root of %.100s at height %d", ledger.ErrUnknown, mspID, n)
	}
	if err != nil {
		return nil, coded(err)
	}
	out, err := wire.Encode(*anchor)
	return out, coded(err)
}

// GetAnchorHead gives the ledger.AnchorHead of an organisation: the last root that it anchored.
func (*Anchor) GetAnchorHead(ctx contractapi.TransactionContextInterface, mspID string) ([]byte, error) {
	head, err := state.New(ctx.GetStub()).AnchorHead(mspID)
	if err == nil && head == nil {
		err = fmt.Errorf("%w: a root of %.100s", ledger.ErrUnknown, mspID)
	}
	if err != nil {
		return nil, coded(err)
	}
	out, err := wire.Encode(*head)
	return out, coded(err)
}
