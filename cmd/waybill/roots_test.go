package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/gateway/profile"
)

func TestRootsCountOfThoseWithPeersWhoeverAsks(t *testing.T) {
	peer := []profile.Peer{{Name: "peer0"}}
	withPeers := map[string][]profile.Peer{"ProducerMSP": peer, "CarrierMSP": peer, "RetailerMSP": peer}
	three := []string{"CarrierMSP", "ProducerMSP", "RetailerMSP"}
	for name, c := range map[string]struct {
		own   string
		peers map[string][]profile.Peer
		want  []string
	}{
		"one of them":                 {"ProducerMSP", withPeers, three},
		"a member without a peer":     {"AssessorMSP", withPeers, three},
		"named, and without peers":    {"AssessorMSP", map[string][]profile.Peer{"ProducerMSP": peer, "AssessorMSP": {}}, []string{"ProducerMSP"}},
		"a profile that names nobody": {"ProducerMSP", nil, []string{"ProducerMSP"}},
	} {
		if got := anchoring(&profile.Profile{MSPID: c.own, Peers: c.peers}); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}

	certificate := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(certificate, []byte("PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &profile.Profile{MSPID: "AssessorMSP", Peers: withPeers, TrustRoots: map[string][]string{"AssessorMSP": {certificate}, "OrdererMSP": {certificate}}}
	for _, mspID := range three {
		p.TrustRoots[mspID] = []string{certificate}
	}
	folder := filepath.Join(t.TempDir(), "roots")
	a := &app{quiet: true}
	if err := a.exportRoots(nil, p, folder); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 3 {
		t.Errorf("%d files, %v", len(entries), err)
	}
	if _, err := os.Stat(filepath.Join(folder, "AssessorMSP.pem")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the assessor's certificate among those of who anchor: %v", err)
	}
}

func TestWhoHasAnchoredNothingAgreesWithNothing(t *testing.T) {
	var b strings.Builder
	answer := &waybillv1.ListRootsResponse{Organisations: []*waybillv1.OrganisationRoots{{Organisation: "ProducerMSP"}, {Organisation: "CarrierMSP"}}}
	if err := (&app{}).printRoots(&b, answer); err != nil {
		t.Fatal(err)
	}
	if out := b.String(); strings.Contains(out, "agrees") || strings.Count(out, "nothing yet") != 2 || !strings.Contains(out, "no root is anchored by a majority yet") {
		t.Error(out)
	}
}
