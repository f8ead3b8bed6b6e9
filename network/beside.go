package network

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// Companion says how one organisation's server of a second chaincode serves: mutual TLS with the peers of its organisation.
type Companion struct {
	Organisation string
	// PackageID is what the server answers peers as.
	PackageID string
	Address   string
	// KeyFile and CertFile are the server's own, ClientCAFile is of the authority whose peers may connect; PEM.
	KeyFile, CertFile, ClientCAFile string
}

// Beside puts a second chaincode onto the channel, beside Waybill's, under the channel's endorsement policy: one to
// compare with. The caller serves it, in its own process: serve is called once, before any peer connects, and starts
// a server for each organisation with peers at the address that addresses gives by its name. It is ready when Beside returns.
func (n *Network) Beside(ctx context.Context, name, version string, addresses map[string]string, serve func([]Companion) error) error {
	if name == "" || version == "" || name == n.topology.Chaincode.Name {
		return fmt.Errorf("%w: a second chaincode needs a version and a name that is not the first's", ErrTopology)
	}
	n.deploying.Lock()
	defer n.deploying.Unlock()
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	packages := map[string]chaincodePackage{}
	var companions []Companion
	for _, org := range n.topology.endorsing() {
		layout, at := n.paths.org(org.Name), addresses[org.Name]
		if at == "" {
			return fmt.Errorf("%w: no address of %s's server of chaincode %s", ErrTopology, org.Name, name)
		}
		pkg, err := packageOf(layout, at, name+"_"+version, version)
		if err != nil {
			return fmt.Errorf("%w: packaging chaincode %s: %w", ErrLifecycle, name, err)
		}
		packages[org.Name] = pkg
		companions = append(companions, Companion{
			Organisation: org.Name, PackageID: pkg.id, Address: at, KeyFile: filepath.Join(layout.chaincodeServer(), keyFile),
			CertFile: filepath.Join(layout.chaincodeServer(), certFile), ClientCAFile: layout.tlsCACert(),
		})
	}
	if err := serve(companions); err != nil {
		return err
	}
	peers, closePeers, err := dialPeers(n.topology, n.paths, n.ports)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	defer closePeers()
	n.say("lifecycle", "installing chaincode %s %s beside Waybill's", name, version)
	d := definition{channel: n.topology.Channel, name: name, version: version}
	if err := install(ctx, peers, packages); err != nil {
		return startError(ctx, ErrLifecycle, err)
	}
	if err := approveAndCommit(ctx, peers, packages, d); err != nil {
		return startError(ctx, ErrLifecycle, err)
	}
	if err := prove(ctx, peers, d); err != nil {
		return startError(ctx, ErrNotReady, errors.Join(err, ctx.Err()))
	}
	return nil
}
