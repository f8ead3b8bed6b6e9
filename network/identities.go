package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gateway/profile"
)

// IssueRequest asks for a further client identity of an organisation.
type IssueRequest struct {
	// Organisation and Name say whose and which; Name must be new.
	Organisation string
	Name         string
	// Roles go into the attribute waybill.role.
	Roles []string
	// NotAfter ends the certificate's validity; zero: in five years. It may lie in the past, for tests.
	NotAfter time.Time
}

// Issue makes a client identity, signed by the organisation's authority in the state folder, and adds
// it to the organisation's profile. The network need not run. It fails with ErrIdentity or ErrState.
func Issue(ctx context.Context, dir string, req IssueRequest) (profile.Identity, error) {
	p, err := absolute(dir)
	if err != nil {
		return profile.Identity{}, err
	}
	t, s, err := loadMade(p)
	if err != nil {
		return profile.Identity{}, err
	}
	org, ok := t.organisation(req.Organisation)
	if !ok {
		return profile.Identity{}, fmt.Errorf("%w: no organisation %q; there are %s", ErrIdentity, req.Organisation, strings.Join(organisationNames(t), ", "))
	}
	if !patternOf(`^[a-z][a-z0-9-]{0,31}$`)(req.Name) {
		return profile.Identity{}, fmt.Errorf("%w: name %q: small letters, digits and dashes, at most 32", ErrIdentity, req.Name)
	}
	for _, role := range req.Roles {
		if !slices.Contains(Roles(), role) {
			return profile.Identity{}, fmt.Errorf("%w: role %q is not one of %s", ErrIdentity, role, strings.Join(Roles(), ", "))
		}
	}
	lock, err := waitLock(ctx, p.issueLock(), func() {})
	if err != nil {
		return profile.Identity{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	defer lock.release()
	layout := p.org(org.Name)
	user := layout.user(req.Name)
	if _, err = os.Stat(filepath.Join(user, certFile)); err == nil {
		return profile.Identity{}, fmt.Errorf("%w: %s has an identity %q already", ErrIdentity, org.Name, req.Name)
	}
	ca, err := loadAuthority(layout.ca())
	if err != nil {
		return profile.Identity{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	if req.NotAfter.After(ca.cert.NotAfter) {
		return profile.Identity{}, fmt.Errorf("%w: it would outlive its authority, which ends at %s", ErrIdentity, ca.cert.NotAfter.Format(time.RFC3339))
	}
	out, err := ca.issue(identityLeaf(req.Name, ouClient, req.Roles, req.NotAfter), time.Now())
	if err != nil {
		return profile.Identity{}, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	if err := errors.Join(writeCredential(user, out), writeProfile(t, p, s.Ports, org)); err != nil {
		return profile.Identity{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	return profile.Identity{Cert: filepath.Join(user, certFile), Key: filepath.Join(user, keyFile)}, nil
}

func organisationNames(t *Topology) []string {
	names := make([]string, len(t.Organisations))
	for i, o := range t.Organisations {
		names[i] = o.Name
	}
	return names
}

// writeProfile writes an organisation's connection profile, every identity on disk in it.
func writeProfile(t *Topology, p paths, ports map[string]int, org Organisation) error {
	orderers := p.org(t.Orderers.Organisation)
	layout := p.org(org.Name)
	out := &profile.Profile{
		Version: profile.Version, Name: t.Name, Channel: t.Channel, Chaincode: t.Chaincode.Name, Consensus: t.Consensus,
		Organisation: org.Name, MSPID: org.MSPID,
		Peers:         map[string][]profile.Peer{},
		OrdererMSPIDs: []string{t.Orderers.MSPID},
		TrustRoots:    map[string][]string{t.Orderers.MSPID: {orderers.caCert()}},
		GenesisBlock:  p.genesis(),
		Identities:    map[string]profile.Identity{},
		API: profile.API{
			Address: address(ports["api."+org.Name+"/grpc"]), RESTAddress: address(ports["api."+org.Name+"/rest"]), MetricsAddress: address(ports["api."+org.Name+"/metrics"]),
			ServerCert: filepath.Join(layout.api(), certFile), ServerKey: filepath.Join(layout.api(), keyFile),
			ClientCAs: []string{layout.caCert()}, RootCA: layout.tlsCACert(),
		},
	}
	for _, o := range t.Organisations {
		l := p.org(o.Name)
		out.TrustRoots[o.MSPID] = []string{l.caCert()}
		for i := range o.Peers {
			name := peerName(o.Name, i)
			peer := profile.Peer{Name: name, Address: address(ports[name+"/listen"]), TLSRootCert: l.tlsCACert(), ServerName: "localhost"}
			out.Peers[o.MSPID] = append(out.Peers[o.MSPID], peer)
			if o.Name == org.Name || org.Peers == 0 {
				out.GatewayPeers = append(out.GatewayPeers, peer)
			}
		}
	}
	for i := range t.Orderers.Nodes {
		name := ordererName(i)
		out.Orderers = append(out.Orderers, profile.Orderer{
			Name: name, Address: address(ports[name+"/listen"]), MSPID: t.Orderers.MSPID, TLSRootCert: orderers.tlsCACert(),
			ServerName: "localhost", ConsenterID: uint32(i) + 1, IdentityCert: orderers.nodeCert(name),
		})
	}
	users, err := os.ReadDir(filepath.Join(layout.root, "users"))
	if err != nil {
		return err
	}
	for _, u := range users {
		id := profile.Identity{Cert: filepath.Join(layout.user(u.Name()), certFile), Key: filepath.Join(layout.user(u.Name()), keyFile)}
		if _, err := os.Stat(id.Cert); err == nil {
			out.Identities[u.Name()] = id
		}
	}
	if err := os.MkdirAll(p.profiles(), 0o700); err != nil {
		return err
	}
	return out.Save(p.profile(org.Name))
}
