package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/waybill-dev/waybill/api/anchor"
	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/api/server"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// openAnchor makes the part that gives proofs; in the process that keeps the read model it anchors too, if
// its organisation is one of those that do.
func (s *service) openAnchor() error {
	organisations := anchoring(s.profile)
	c := anchor.Config{
		Store: s.store, Channel: s.profile.Channel, MSPID: s.profile.MSPID, Organisations: organisations,
		Every: s.anchorEvery, Logger: s.log.With("part", "anchor"),
	}
	if s.has(roleReadModel) {
		c.Metrics = s.registry
		if s.anchorEvery >= 0 && slices.Contains(organisations, s.profile.MSPID) {
			key, err := identityKey(s.profile, s.identity)
			if err != nil {
				return err
			}
			c.Submit, c.Key = s.submit, key
		}
	}
	var err error
	s.anchor, err = anchor.New(c)
	return err
}

// identityRoles reads the roles of an identity of the profile from its certificate.
func identityRoles(p *profile.Profile, name string) ([]ledger.Role, error) {
	id, err := p.Identity(name)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(id.Cert)
	if err != nil {
		return nil, fmt.Errorf("certificate of identity %s: %w", name, err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("certificate of identity %s: %s is not PEM", name, id.Cert)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("certificate of identity %s: %w", name, err)
	}
	return server.RolesOf(certificate), nil
}

// identityKey reads the private key of an identity of the profile.
func identityKey(p *profile.Profile, name string) (crypto.Signer, error) {
	id, ok := p.Identities[name]
	if !ok {
		return nil, fail(exitRefused, "WB_PROFILE_INVALID", "", "the profile of %s has no identity %q", p.Organisation, name)
	}
	raw, err := os.ReadFile(id.Key)
	if err != nil {
		return nil, fmt.Errorf("key of identity %s: %w", name, err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("key of identity %s: %s is not PEM", name, id.Key)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("key of identity %s: %w", name, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("key of identity %s: it cannot sign", name)
	}
	return signer, nil
}

// restProofs gives the REST binding its proofs.
type restProofs struct{ *anchor.Service }

func (p restProofs) ProveEvents(ctx context.Context, events []epcis.Hash, bare bool) (proof.Proof, error) {
	keys := make([]string, len(events))
	for i, hash := range events {
		keys[i] = wire.EventKey(ledger.Digest(hash))
	}
	found, err := p.Prove(ctx, anchor.Request{Keys: keys, Bare: bare})
	switch {
	case errors.Is(err, ledger.ErrUnknown):
		err = rest.ErrNotFound
	case errors.Is(err, anchor.ErrNotAnchored):
		err = fmt.Errorf("%w: %w", rest.ErrBusy, err)
	case errors.Is(err, anchor.ErrDisagrees), errors.Is(err, anchor.ErrDamaged), errors.Is(err, readmodel.ErrUnavailable):
		err = fmt.Errorf("%w: %w", rest.ErrUnavailable, err)
	}
	return found, err
}
