package panel

import (
	"errors"
	"fmt"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// fitness is how the own model stands on the ledger, a ledger.ModelStanding of it alone. What rests on a model that is not
// approved or was revoked cannot be revealed, or is for nothing: a scorer that commits to it loses stake.
type fitness struct {
	policy     *ledger.ModelPolicy
	admission  *ledger.Admission
	revocation *ledger.Revocation
}

// ModelPolicy is ledger.ModelStanding's.
func (f *fitness) ModelPolicy() (*ledger.ModelPolicy, error) { return f.policy, nil }

// Admission is ledger.ModelStanding's, of the own artefact.
func (f *fitness) Admission(ledger.Digest) (*ledger.Admission, error) { return f.admission, nil }

// Revocation is ledger.ModelStanding's, of the own artefact.
func (f *fitness) Revocation(ledger.Digest) (*ledger.Revocation, error) { return f.revocation, nil }

// modelled takes what a transaction did with the own model, and with what all models are held to.
func (b *book) modelled(m wire.ModelRecords) {
	_, own, named := ledger.ArtefactOf(b.model())
	for _, p := range m.Policies {
		b.fit.policy = &p
		b.generation++
	}
	for _, a := range m.Admissions {
		if named && a.Artefact == own {
			b.fit.admission = &a
			b.generation++
		}
	}
	for _, r := range m.Revocations {
		if named && r.Artefact == own {
			b.fit.revocation = &r
			b.generation++
		}
	}
}

// unfit says why no answer may rest on the own model; nil: one may.
func (b *book) unfit() error { return ledger.ModelBlocked(b.model(), &b.fit) }

// save writes how the model stands.
func (f *fitness) save(c *canon.Coder) error {
	return errors.Join(saveOne(c, f.policy), saveOne(c, f.admission), saveOne(c, f.revocation))
}

// restore reads what save wrote.
func (f *fitness) restore(c *canon.Coder) error {
	return errors.Join(restoreOne(c, &f.policy), restoreOne(c, &f.admission), restoreOne(c, &f.revocation))
}

// standingPart is what a fitness is made of.
type standingPart interface {
	ledger.ModelPolicy | ledger.Admission | ledger.Revocation
}

func saveOne[T standingPart](c *canon.Coder, v *T) error {
	var all []string
	if v != nil {
		data, err := wire.Encode(*v)
		if err != nil {
			return err
		}
		all = []string{string(data)}
	}
	part(c, &all)
	return c.Err()
}

func restoreOne[T standingPart](c *canon.Coder, v **T) error {
	var all []string
	part(c, &all)
	for _, text := range all {
		one, err := wire.Decode[T]([]byte(text), maxSavedPart)
		if err != nil {
			return fmt.Errorf("%w: %w", errSaved, err)
		}
		*v = &one
	}
	return nil
}
