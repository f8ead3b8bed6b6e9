package audit

import (
	"maps"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// standings are how models stand on the ledger at a place in it, a ledger.ModelStanding.
type standings struct {
	policy   *ledger.ModelPolicy
	admitted map[ledger.Digest]ledger.Admission
	revoked  map[ledger.Digest]ledger.Revocation
}

func newStandings() standings {
	return standings{admitted: map[ledger.Digest]ledger.Admission{}, revoked: map[ledger.Digest]ledger.Revocation{}}
}

func (s *standings) clone() standings {
	return standings{policy: s.policy, admitted: maps.Clone(s.admitted), revoked: maps.Clone(s.revoked)}
}

// take takes in what a transaction did with models.
func (s *standings) take(m wire.ModelRecords) {
	for _, p := range m.Policies {
		s.policy = &p
	}
	for _, a := range m.Admissions {
		s.admitted[a.Artefact] = a
	}
	for _, r := range m.Revocations {
		s.revoked[r.Artefact] = r
	}
}

func (s *standings) ModelPolicy() (*ledger.ModelPolicy, error) { return s.policy, nil }

func (s *standings) Admission(artefact ledger.Digest) (*ledger.Admission, error) {
	if a, ok := s.admitted[artefact]; ok {
		return &a, nil
	}
	return nil, nil //nolint:nilnil // none is recorded
}

func (s *standings) Revocation(artefact ledger.Digest) (*ledger.Revocation, error) {
	if r, ok := s.revoked[artefact]; ok {
		return &r, nil
	}
	return nil, nil //nolint:nilnil // none is recorded
}
