package contract

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-contract-api-go/v2/metadata"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// MasterData holds company prefixes, places, products, lanes and the network's rules, and what organisations state
// of vocabulary elements.
type MasterData struct {
	contractapi.Contract

	clock func() time.Time
}

func newMasterData(clock func() time.Time) *MasterData {
	c := &MasterData{clock: clock}
	c.Name = "masterdata"
	c.Info = metadata.InfoMetadata{
		Title: "Master data", Version: "1",
		Description: "Company prefixes, places, products, lanes and rules, in versions. Arguments and results are of package chaincode/wire.",
	}
	return c
}

// GetEvaluateTransactions names the functions that only read.
func (*MasterData) GetEvaluateTransactions() []string { return []string{"Get", "GetElement"} }

// Register registers a wire.MasterBatch and answers each datum for itself. It needs the role registrar;
// ledger.DecideMaster says who may register what.
func (c *MasterData) Register(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleRegistrar)
	if err != nil {
		return nil, coded(err)
	}
	in, err := wire.DecodeMasterBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	refused := make([]error, len(in.Data))
	keys := []string{wire.RulebookKey()}
	for i, m := range in.Data {
		var own []string
		if refused[i] = ledger.CheckMaster(m); refused[i] == nil {
			own, refused[i] = masterKeys(m)
		}
		if refused[i] == nil {
			keys = append(keys, own...)
		}
	}
	if err = t.repository.Prefetch(keys); err != nil {
		return nil, coded(err)
	}
	for i, m := range in.Data {
		var digest ledger.Digest
		if digest, err = wire.MasterDigest(m); err != nil {
			return nil, coded(err)
		}
		if refused[i] != nil {
			t.refuse(refused[i], digest)
			continue
		}
		if err = t.registerMaster(m, digest); err != nil {
			return nil, coded(err)
		}
	}
	answers, err := t.end()
	return answers, coded(err)
}

// masterKeys names what a datum bears on.
func masterKeys(m ledger.MasterDatum) ([]string, error) {
	own, err := wire.MasterKey(m.Kind(), m.ID()...)
	if err != nil {
		return nil, err
	}
	version, err := wire.MasterVersionKey(m.Kind(), m.Version, m.ID()...)
	if err != nil {
		return nil, err
	}
	keys := []string{own, version}
	switch m.Kind() {
	case ledger.MasterPrefix:
		if keys, err = prefixesBefore(keys, m.Prefix.Prefix); err != nil || m.Prefix.To == "" {
			return keys, err
		}
		digest, err := wire.MasterDigest(m)
		return append(keys, wire.WaitingKey(m.Version, digest)), err
	case ledger.MasterPlace:
		return prefixKeys(keys, m.Place.ID)
	case ledger.MasterProduct:
		return prefixKeys(keys, m.Product.ID)
	case ledger.MasterLane:
		for _, id := range ledger.PlaceKeys(m.Lane.From) {
			key, err := wire.MasterKey(ledger.MasterPlace, id)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
	case ledger.MasterRules:
		digest, err := wire.MasterDigest(m)
		if err != nil {
			return nil, err
		}
		keys = append(keys, wire.WaitingKey(m.Version, digest))
	}
	return keys, nil
}

// prefixKeys appends the keys of the company prefixes that an identifier may bear.
func prefixKeys(keys []string, id string) ([]string, error) {
	for _, prefix := range ledger.PrefixesOf(id) {
		key, err := wire.MasterKey(ledger.MasterPrefix, prefix)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// prefixesBefore appends the keys of the company prefixes that a prefix is a part of.
func prefixesBefore(keys []string, prefix string) ([]string, error) {
	for n := len(prefix) - 1; n > 0; n-- {
		key, err := wire.MasterKey(ledger.MasterPrefix, prefix[:n])
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func (t *transaction) registerMaster(m ledger.MasterDatum, digest ledger.Digest) error {
	view := ledger.MasterView{Holder: t.repository.Holder, Place: t.repository.Place}
	var err error
	if view.Recorded, err = t.repository.MasterVersion(m.Kind(), m.Version, m.ID()...); err != nil {
		return err
	}
	if view.Latest, err = t.repository.Master(m.Kind(), m.ID()...); err != nil {
		return err
	}
	book, err := t.repository.Rulebook()
	if err != nil {
		return err
	}
	view.Keepers = book.Rules.Keepers
	if m.Kind() == ledger.MasterRules || m.Prefix != nil && m.Prefix.To != "" {
		if view.Waiting, err = t.repository.Waiting(m.Version, digest); err != nil {
			return err
		}
	}
	decision, err := ledger.DecideMaster(m, view, t.Tx)
	switch {
	case refusal(err):
		t.refuse(err, digest)
		return nil
	case err != nil:
		return err
	case decision.Status == ledger.StatusDuplicate:
		t.answer(wire.Answer{Status: decision.Status, Digest: digest, RecordedIn: decision.Datum.TxID})
		return nil
	}
	answer := wire.Answer{Status: decision.Status, Digest: digest}
	ref := wire.MasterRef{Kind: m.Kind(), ID: m.ID(), Version: m.Version}
	if decision.Datum.Pending {
		ref.Waiting = digest[:]
		answer.Message = fmt.Sprintf("waits for more keepers to register the same: %s of %s did",
			strings.Join(decision.Datum.Approvals, ", "), strings.Join(view.Keepers, ", "))
		if err := t.repository.PutWaiting(decision.Datum); err != nil {
			return err
		}
	} else {
		if err := t.repository.CreateMaster(decision.Datum); err != nil {
			return err
		}
		if err := t.repository.PutRulebook(book.Shelve(decision.Datum)); err != nil {
			return err
		}
	}
	t.answer(answer)
	t.summary.Master = append(t.summary.Master, ref)
	return nil
}

// Get gives the ledger.MasterDatum of a kind and an id (of a lane the two places, parted by a space; of
// the rules "rules"), in a version in decimal or, with "", the latest in force.
func (*MasterData) Get(ctx contractapi.TransactionContextInterface, kind, id, version string) ([]byte, error) {
	repository := state.New(ctx.GetStub())
	parts := []string{id}
	if ledger.MasterKind(kind) == ledger.MasterLane {
		parts = strings.SplitN(id, " ", 2)
	}
	var m *ledger.MasterDatum
	var err error
	if version == "" {
		m, err = repository.Master(ledger.MasterKind(kind), parts...)
	} else {
		n, failed := strconv.ParseUint(version, 10, 32)
		if failed != nil {
			return nil, coded(fmt.Errorf("%w: version %.40q", ledger.ErrMalformed, version))
		}
		m, err = repository.MasterVersion(ledger.MasterKind(kind), uint32(n), parts...)
	}
	if err == nil && m == nil {
		err = fmt.Errorf("%w: %.20s %.200s version %.40q", ledger.ErrUnknown, kind, id, version)
	}
	if err != nil {
		return nil, coded(err)
	}
	out, err := wire.Encode(*m)
	return out, coded(err)
}
