package contract

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-contract-api-go/v2/metadata"

	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/referee"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Scoring holds policies, verdicts, and the tasks in which several organisations reach one.
type Scoring struct {
	contractapi.Contract

	clock func() time.Time
	// What was parsed before spares work and shapes nothing: no key is read, written or left out because of it.
	models  referee.Models
	shipped func() (*score.Model, error) // the model that ships with the product
}

func newScoring(clock func() time.Time) *Scoring {
	c := &Scoring{clock: clock, shipped: sync.OnceValues(score.Default)}
	c.Name = "scoring"
	c.Info = metadata.InfoMetadata{
		Title: "Scoring", Version: "1",
		Description: "What products may be exposed to, and verdicts with their evidence. Arguments and results are of package chaincode/wire.",
	}
	return c
}

// GetEvaluateTransactions names the functions that only read.
func (*Scoring) GetEvaluateTransactions() []string {
	return []string{"GetFinal", "GetPolicy", "GetScorers", "GetScoringPolicy", "GetTask", "GetVerdict"}
}

// SetPolicies sets a wire.PolicyBatch and answers each policy for itself. It needs the role
// registrar; a policy belongs to the organisation that set its first version.
func (c *Scoring) SetPolicies(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleRegistrar)
	if err != nil {
		return nil, coded(err)
	}
	in, err := wire.DecodePolicyBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	book, err := t.repository.Rulebook()
	if err != nil {
		return nil, coded(err)
	}
	refused := make([]error, len(in.Policies))
	var keys []string
	for i, p := range in.Policies {
		var own []string
		if refused[i] = ledger.CheckPolicy(p); refused[i] == nil {
			own, refused[i] = policyKeys(p, book)
		}
		if refused[i] == nil {
			keys = append(keys, own...)
		}
	}
	if err = t.repository.Prefetch(keys); err != nil {
		return nil, coded(err)
	}
	for i, p := range in.Policies {
		if refused[i] != nil {
			t.refuse(refused[i], ledger.Digest{})
			continue
		}
		if err = t.setPolicy(p); err != nil {
			return nil, coded(err)
		}
	}
	answers, err := t.end()
	return answers, coded(err)
}

// policyKeys names what a policy bears on: itself, the version before, its products and whose they are.
func policyKeys(p ledger.Policy, book ledger.Rulebook) ([]string, error) {
	own, err := wire.PolicyKey(p.ID, p.Version)
	if err != nil {
		return nil, err
	}
	before, err := wire.PolicyKey(p.ID, p.Version-1)
	if err != nil {
		return nil, err
	}
	keys := []string{own, before}
	for _, product := range p.Products {
		key, err := wire.ProductKey(product)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
		if !book.Prefixes {
			continue
		}
		if keys, err = prefixKeys(keys, product); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func (t *transaction) setPolicy(p ledger.Policy) error {
	view := ledger.PolicyView{Owner: func(product string) (string, error) {
		ref, err := t.repository.Product(product)
		if err != nil || ref == nil {
			return "", err
		}
		return ref.ID, nil
	}}
	book, err := t.repository.Rulebook()
	if err != nil {
		return err
	}
	if book.Prefixes {
		view.Holder = func(product string) (string, error) { return ledger.HolderOf(product, t.repository.Holder) }
	}
	if view.Recorded, err = t.repository.Policy(p.ID, p.Version); err != nil {
		return err
	}
	if view.Previous, err = t.repository.Policy(p.ID, p.Version-1); err != nil {
		return err
	}
	decision, err := ledger.DecidePolicy(p, view, t.Tx)
	switch {
	case refusal(err):
		t.refuse(err, ledger.Digest{})
		return nil
	case err != nil:
		return err
	case decision.Status == ledger.StatusDuplicate:
		t.answer(wire.Answer{Status: decision.Status, RecordedIn: decision.Policy.TxID})
		return nil
	}
	t.answer(wire.Answer{Status: decision.Status})
	ref := wire.PolicyRef{ID: p.ID, Version: p.Version}
	t.summary.Policies = append(t.summary.Policies, ref)
	for _, product := range decision.Take {
		if err := t.repository.PutProduct(product, &ref); err != nil {
			return err
		}
	}
	for _, product := range decision.Release {
		if err := t.repository.PutProduct(product, nil); err != nil {
			return err
		}
	}
	return t.repository.CreatePolicy(decision.Policy)
}

// RecordVerdicts records a wire.VerdictBatch and answers each verdict for itself. It needs the role
// scorer; what a verdict rests on must be recorded, and its model one on which verdicts may rest.
func (c *Scoring) RecordVerdicts(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleScorer)
	if err != nil {
		return nil, coded(err)
	}
	in, err := wire.DecodeVerdictBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	refused := make([]error, len(in.Verdicts))
	models := map[string]error{} // whether a verdict may rest on them
	var keys []string
	for i, v := range in.Verdicts {
		var own []string
		if refused[i] = ledger.CheckVerdict(v); refused[i] == nil {
			own, refused[i] = verdictKeys(v)
		}
		if refused[i] != nil {
			continue
		}
		keys = append(keys, own...)
		if _, known := models[v.Model]; !known {
			models[v.Model] = nil
			keys = append(keys, wire.StandingKeys(v.Model)...)
		}
	}
	if err = t.repository.Prefetch(keys); err != nil {
		return nil, coded(err)
	}
	for name := range models {
		if models[name] = ledger.ModelBegins(name, t.repository); models[name] != nil && !refusal(models[name]) {
			return nil, coded(models[name])
		}
	}
	for i, v := range in.Verdicts {
		var digest ledger.Digest
		if digest, err = wire.VerdictDigest(v); err != nil {
			return nil, coded(err)
		}
		if refused[i] != nil {
			t.refuse(refused[i], digest)
			continue
		}
		if err = t.recordVerdict(v, digest, models[v.Model]); err != nil {
			return nil, coded(err)
		}
	}
	answers, err := t.end()
	return answers, coded(err)
}

// verdictKeys names what a verdict bears on: itself and its evidence.
func verdictKeys(v ledger.Verdict) ([]string, error) {
	key, err := wire.VerdictKey(v.Shipment, v.Window, v.Model)
	if err != nil {
		return nil, err
	}
	keys := []string{key}
	for _, hash := range v.Events {
		keys = append(keys, wire.EventKey(hash))
	}
	for _, s := range v.Segments {
		if key, err = wire.SegmentKey(s.Device, s.Last); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if id, version, err := v.PolicyVersion(); err == nil && id != "" {
		if key, err = wire.PolicyKey(id, version); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// recordVerdict records a verdict unless its model is blocked. One that is recorded already stays, whatever became of its model.
func (t *transaction) recordVerdict(v ledger.Verdict, digest ledger.Digest, blocked error) error {
	recorded, err := t.repository.Verdict(v.Shipment, v.Window, v.Model)
	if err != nil {
		return err
	}
	if recorded == nil {
		if err = blocked; err == nil {
			err = ledger.CheckEvidence(v, t.repository)
		}
	}
	var verdict ledger.Verdict
	var status ledger.Status
	if err == nil {
		verdict, status, err = ledger.DecideVerdict(v, recorded, t.Tx)
	}
	switch {
	case refusal(err):
		t.refuse(err, digest)
		return nil
	case err != nil:
		return err
	case status == ledger.StatusDuplicate:
		t.answer(wire.Answer{Status: status, Digest: digest, RecordedIn: verdict.TxID})
		return nil
	}
	t.answer(wire.Answer{Status: status, Digest: digest})
	t.summary.Verdicts = append(t.summary.Verdicts, wire.VerdictRef{Shipment: v.Shipment, Window: v.Window, Model: v.Model})
	return t.repository.CreateVerdict(verdict)
}

// GetPolicy gives the ledger.Policy of a product class, or the default policy where it has none.
func (*Scoring) GetPolicy(ctx contractapi.TransactionContextInterface, product string) ([]byte, error) {
	repository := state.New(ctx.GetStub())
	ref, err := repository.Product(product)
	if err == nil && ref == nil {
		ref, err = repository.Product(ledger.AnyProduct)
	}
	if err == nil && ref == nil {
		err = fmt.Errorf("%w: a policy of product %.200s", ledger.ErrUnknown, product)
	}
	if err != nil {
		return nil, coded(err)
	}
	policy, err := repository.Policy(ref.ID, ref.Version)
	if err == nil && policy == nil {
		err = fmt.Errorf("%w: policy %s/%d", ledger.ErrUnknown, ref.ID, ref.Version)
	}
	if err != nil {
		return nil, coded(err)
	}
	out, err := wire.Encode(*policy)
	return out, coded(err)
}

// GetVerdict gives the ledger.Verdict of a shipment, a window in decimal and a model.
func (*Scoring) GetVerdict(ctx contractapi.TransactionContextInterface, shipment, window, model string) ([]byte, error) {
	n, err := strconv.ParseUint(window, 10, 32)
	if err != nil {
		return nil, coded(fmt.Errorf("%w: window %.40q", ledger.ErrMalformed, window))
	}
	verdict, err := state.New(ctx.GetStub()).Verdict(shipment, uint32(n), model)
	if err == nil && verdict == nil {
		err = fmt.Errorf("%w: a verdict of %.100s on window %d of %.200s", ledger.ErrUnknown, model, n, shipment)
	}
	if err != nil {
		return nil, coded(err)
	}
	out, err := wire.Encode(*verdict)
	return out, coded(err)
}
