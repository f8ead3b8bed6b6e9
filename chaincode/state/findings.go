package state

import (
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Finding gives what is recorded of a finding, nil if it was never raised.
func (r *Repository) Finding(n ledger.Naming) (*ledger.Finding, error) {
	return named[ledger.Finding](r, func() (string, error) { return wire.NamingKey(n) })
}

// PutFinding records a finding or a change of it. Its name is its key.
func (r *Repository) PutFinding(f ledger.Finding) error {
	key, err := wire.FindingKey(f)
	if err != nil {
		return err
	}
	value, err := wire.Encode(f)
	if err != nil {
		return err
	}
	r.keys.put(key, value)
	return nil
}

// Account gives an account; one that nothing was posted to is empty.
func (r *Repository) Account(id ledger.AccountID) (ledger.Account, error) {
	if a, ok := r.accounts[id]; ok {
		return a, nil
	}
	var a ledger.Account
	stored, err := named[ledger.Account](r, func() (string, error) { return wire.AccountKey(id) })
	if err != nil {
		return a, err
	}
	if stored != nil {
		a = *stored
	}
	r.accounts[id] = a
	return a, nil
}

// PutAccount changes an account.
func (r *Repository) PutAccount(id ledger.AccountID, a ledger.Account) {
	r.accounts[id] = a
	r.dirtyAccounts[id] = struct{}{}
}

// flushAccounts stages the changed accounts.
func (r *Repository) flushAccounts() error {
	for id := range r.dirtyAccounts {
		key, err := wire.AccountKey(id)
		if err != nil {
			return err
		}
		value, err := wire.Encode(r.accounts[id])
		if err != nil {
			return err
		}
		if err := r.putChanged(key, value); err != nil {
			return err
		}
	}
	return nil
}

// Rulebook gives the rulebook; a network that registered nothing has an empty one.
func (r *Repository) Rulebook() (ledger.Rulebook, error) {
	b, err := load[ledger.Rulebook](r, wire.RulebookKey())
	if err != nil || b == nil {
		return ledger.Rulebook{}, err
	}
	return *b, nil
}

// PutRulebook changes the rulebook.
func (r *Repository) PutRulebook(b ledger.Rulebook) error {
	value, err := wire.Encode(b)
	if err != nil {
		return err
	}
	return r.putChanged(wire.RulebookKey(), value)
}

// Master gives the latest version in force of a master datum, nil if it is not registered.
func (r *Repository) Master(kind ledger.MasterKind, id ...string) (*ledger.MasterDatum, error) {
	key, err := wire.MasterKey(kind, id...)
	if err != nil {
		return nil, err
	}
	if m, ok := r.master[key]; ok {
		return m, nil
	}
	m, err := load[ledger.MasterDatum](r, key)
	if err != nil {
		return nil, err
	}
	r.master[key] = m
	return m, nil
}

// MasterVersion gives a version of a master datum, nil if it is not registered.
func (r *Repository) MasterVersion(kind ledger.MasterKind, version uint32, id ...string) (*ledger.MasterDatum, error) {
	return named[ledger.MasterDatum](r, func() (string, error) { return wire.MasterVersionKey(kind, version, id...) })
}

// CreateMaster registers a version of a master datum, which is then the latest.
func (r *Repository) CreateMaster(m ledger.MasterDatum) error {
	key, err := wire.MasterVersionKey(m.Kind(), m.Version, m.ID()...)
	if err != nil {
		return err
	}
	if err = store(r, key, m); err != nil {
		return err
	}
	if key, err = wire.MasterKey(m.Kind(), m.ID()...); err != nil {
		return err
	}
	value, err := wire.Encode(m)
	if err != nil {
		return err
	}
	r.keys.put(key, value)
	r.master[key] = &m
	return nil
}

// Waiting gives a version of the rules that waits for approvals, nil if there is none with this digest.
func (r *Repository) Waiting(version uint32, digest ledger.Digest) (*ledger.MasterDatum, error) {
	return load[ledger.MasterDatum](r, wire.WaitingKey(version, digest))
}

// PutWaiting keeps a version of the rules until it has its approvals.
func (r *Repository) PutWaiting(m ledger.MasterDatum) error {
	digest, err := wire.MasterDigest(m)
	if err != nil {
		return err
	}
	value, err := wire.Encode(m)
	if err != nil {
		return err
	}
	r.keys.put(wire.WaitingKey(m.Version, digest), value)
	return nil
}

// Place and Lane make a Repository a ledger.Shelf.

// Place gives the registered place that an id names or lies in, nil if there is none.
func (r *Repository) Place(id string) (*ledger.MasterDatum, error) {
	for _, key := range ledger.PlaceKeys(id) {
		if m, err := r.Master(ledger.MasterPlace, key); err != nil || m != nil {
			return m, err
		}
	}
	return nil, nil //nolint:nilnil // an unregistered place is no error
}

// Lane gives the lane between two places, nil if none is registered.
func (r *Repository) Lane(from, to string) (*ledger.Lane, error) {
	m, err := r.Master(ledger.MasterLane, from, to)
	if err != nil || m == nil {
		return nil, err
	}
	return m.Lane, nil
}

// Holder gives who holds a company prefix, empty if nobody does.
func (r *Repository) Holder(prefix string) (string, error) {
	m, err := r.Master(ledger.MasterPrefix, prefix)
	if err != nil || m == nil {
		return "", err
	}
	return m.Owner, nil
}

// putChanged writes a value unless it is there already.
func (r *Repository) putChanged(key string, value []byte) error {
	before, err := r.keys.get(key)
	if err == nil && !slices.Equal(before, value) {
		r.keys.put(key, value)
	}
	return err
}
