package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/api/repository"
	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/api/server"
	"github.com/waybill-dev/waybill/api/servicestate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/internal/idle"
)

// restConfig is what the REST binding is told by flags.
type restConfig struct {
	listen   string
	base     string
	format   string
	prefixes epcis.CompanyPrefixes
	targets  rest.Targets
	key      string // file
}

// restFlags adds the flags of the REST binding; read checks what they were given.
func restFlags(cmd *cobra.Command, c *restConfig) (read func() error) {
	f := cmd.Flags()
	f.StringVar(&c.listen, "rest-listen", "", "`ADDRESS` of the EPCIS REST binding (default: the profile's; off: none)")
	f.StringVar(&c.base, "rest-url", "", "`URL` that REST answers name the server by, where it differs from what the request names")
	f.StringVar(&c.format, "epc-format", rest.FormatDigitalLink, "spelling of identifiers for REST clients that ask for none: "+strings.Join(epcFormats(), ", "))
	prefixes := f.StringSlice("company-prefix", nil, "GS1 company prefixes by which identifiers are spelled as EPC URNs, beside those that events told")
	insecure := f.Bool("webhook-http", false, "let subscriptions post to http addresses too, not to https ones only")
	networks := f.StringSlice("webhook-allow", nil, "`NETWORKS` such as 10.1.0.0/16 that subscriptions may post to though they are not public")
	f.StringVar(&c.key, "service-key", "", "`FILE` of the key that encrypts the secrets of subscriptions (default: in the state folder, made at first); servers of one organisation that share a database need the same")
	return func() (err error) {
		if c.prefixes, err = epcis.ParseCompanyPrefixes(*prefixes); err != nil {
			return usage("--company-prefix: %s", err)
		}
		c.targets.AllowHTTP = *insecure
		for _, n := range *networks {
			p, err := netip.ParsePrefix(n)
			if err != nil {
				return usage("--webhook-allow: %q is not a network such as 10.1.0.0/16", n)
			}
			c.targets.Allow = append(c.targets.Allow, p)
		}
		if !slices.Contains(epcFormats(), c.format) {
			return usage("--epc-format: %q is not one of %s", c.format, strings.Join(epcFormats(), ", "))
		}
		if c.format == rest.FormatAny {
			c.format = rest.FormatOriginal
		}
		if c.base != "" {
			if u, err := url.Parse(c.base); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
				return usage("--rest-url: %q is not a URL such as https://epcis.example.com", c.base)
			}
		}
		return nil
	}
}

func epcFormats() []string {
	return []string{rest.FormatAny, rest.FormatDigitalLink, rest.FormatURN, rest.FormatOriginal}
}

// restParts are the parts of the REST binding of a running server.
type restParts struct {
	state      *servicestate.Store
	repository *repository.Repository
	binding    *rest.Server
	https      *server.HTTPS
}

// restAddress is where the REST binding listens; empty for nowhere.
func (s *service) restAddress() string {
	switch address := s.rest.listen; {
	case !s.has(roleAPI), address == "off":
		return ""
	case address != "":
		return address
	}
	return s.profile.API.RESTAddress
}

// openREST makes the parts of the REST binding; it starts none of them.
func (s *service) openREST(ctx context.Context, certificates *server.Certificates) error {
	if s.restAddress() == "" {
		return nil
	}
	file := s.rest.key
	if file == "" {
		file = filepath.Join(s.dir, "service.key")
	}
	key, err := serviceKey(file, s.rest.key == "")
	if err != nil {
		return err
	}
	p := &restParts{}
	s.restParts = p
	if p.state, err = servicestate.Open(ctx, servicestate.Config{
		Organisation: s.profile.Organisation, Key: key, Postgres: s.serveConfig.store.Postgres, Path: filepath.Join(s.dir, "service.db"),
	}); err != nil {
		return err
	}
	log := s.log.With("part", "rest")
	limits := epcis.DefaultLimits()
	if p.repository, err = repository.New(repository.Config{
		Recorder: s.submit, Rehearsal: s.client, Reader: s.store, Jobs: p.state, Limits: limits, Metrics: s.registry, Logger: log,
	}); err != nil {
		return err
	}
	urns := repository.NewPrefixes(p.repository, p.state, s.rest.prefixes)
	if p.binding, err = rest.New(rest.Config{
		Capturer: p.repository, Events: p.repository, Queries: p.state, Subscriptions: p.state, Tokens: p.state, Traces: restTraces{s.store}, Proofs: restProofs{s.anchor}, Reports: s.store.Reports(), ReportMaster: s.store.Reports(),
		Lead: leader{p.state}.lead, BaseURL: s.rest.base, Authorize: authorizer(certificates), Log: log, TokenKey: p.state.TokenKey(),
		Limits: limits, EventBytes: ledger.MaxEventBytes, EventInstances: ledger.MaxEventItems, EPCFormat: s.rest.format, URN: urns.URN, VendorVersion: version(), Targets: s.rest.targets,
		MasterData: s.store.Vocabulary(),
	}); err != nil {
		return err
	}
	p.https, err = server.NewHTTPS(server.HTTPSConfig{Handler: p.binding, TLS: certificates, DrainTime: s.drain, Metrics: s.registry, Logger: log})
	return err
}

// authorizer admits callers of the REST binding as the gRPC API does: a recorder captures, recorders
// and registrars manage queries and subscriptions, every role reads.
func authorizer(certificates *server.Certificates) rest.Authorizer {
	return func(r *http.Request, a rest.Action) error {
		var roles []ledger.Role
		switch a {
		case rest.Discover:
		case rest.Read:
			roles = server.Readers()
		case rest.Write:
			roles = []ledger.Role{ledger.RoleRecorder}
		case rest.Manage:
			roles = []ledger.Role{ledger.RoleRecorder, ledger.RoleRegistrar}
		default: // no roles would mean every caller
			return fmt.Errorf("%w: no rule says who may do this", rest.ErrForbidden)
		}
		_, err := certificates.Admit(r.TLS, roles...)
		if refusal, ok := errors.AsType[*server.RefusalError](err); ok {
			kind := rest.ErrForbidden
			if refusal.Unauthenticated {
				kind = rest.ErrUnauthorized
			}
			return fmt.Errorf("%w: %w", kind, refusal)
		}
		return err
	}
}

// serviceKey reads the key of a file, and makes it where that is allowed and there is none.
func serviceKey(file string, mayMake bool) ([]byte, error) {
	wrong := func(err error) error {
		return fail(exitRefused, "WB_STATE_KEY", "name the key file of the organisation's other servers with --service-key", "the service key %s: %w", file, err)
	}
	key, err := os.ReadFile(file) //nolint:gosec // the operator names it
	if errors.Is(err, fs.ErrNotExist) && mayMake {
		if err = makeServiceKey(file); err == nil {
			key, err = os.ReadFile(file) //nolint:gosec // below the state folder
		}
	}
	if err != nil {
		return nil, wrong(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, wrong(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, wrong(errors.New("others than its owner may read it; chmod 600"))
	}
	if len(key) != servicestate.KeyBytes {
		return nil, wrong(fmt.Errorf("it has %d bytes, not %d", len(key), servicestate.KeyBytes))
	}
	return key, nil
}

// makeServiceKey makes a key file, whole or not at all: what is encrypted with a key that a power cut
// takes away is lost. One that another process has made meanwhile stays.
func makeServiceKey(file string) error {
	text := rand.Text()
	for len(text) < servicestate.KeyBytes {
		text += rand.Text()
	}
	dir := filepath.Dir(file)
	f, err := os.CreateTemp(dir, ".service.key-*") // readable by its owner only
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it has its own name by then, or is of no use
	_, err = f.WriteString(text[:servicestate.KeyBytes])
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Link(f.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(dir) //nolint:gosec // the state folder
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// leader makes one process at a time deliver subscriptions, of several that share a database.
type leader struct{ state *servicestate.Store }

const deliverLease = "deliver"

func (l leader) lead(ctx context.Context) (context.Context, context.CancelFunc, error) {
	every := l.state.LeaseTime() / 4
	for {
		if mine, err := l.state.Lease(ctx, deliverLease); err == nil && mine {
			break
		}
		if err := idle.For(ctx, min(every, time.Second)); err != nil {
			return nil, nil, err
		}
	}
	leading, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer cancel()
		held := time.Now()
		for idle.For(leading, every) == nil {
			asked := time.Now() // the lease lasts from then
			limited, done := context.WithTimeout(leading, every)
			mine, err := l.state.Lease(limited, deliverLease)
			done()
			switch {
			case err == nil && !mine:
				return
			case err == nil:
				held = asked
			case time.Since(held)+2*every >= l.state.LeaseTime():
				return // another may have it before the next answer
			}
		}
	}()
	return leading, func() {
		cancel()
		<-ended
		last, done := context.WithTimeout(context.WithoutCancel(ctx), every)
		defer done()
		_ = l.state.Release(last, deliverLease) // or it ends by itself
	}, nil
}

// run serves the binding until the context is done, delivers subscriptions and does capture jobs.
// Shutting down ends the jobs first: they are kept and go on at the next start.
func (p *restParts) run(ctx context.Context, l net.Listener, failed func(string, error)) (wait func()) {
	done := make(chan struct{}, 3)
	start := func(run func() error) {
		go func() {
			if err := run(); err != nil && !errors.Is(err, context.Canceled) {
				failed(partREST, err)
			}
			done <- struct{}{}
		}()
	}
	start(func() error { return p.repository.Run(ctx) })
	start(func() error { return p.binding.Run(ctx) })
	start(func() error { return p.https.Serve(ctx, l) })
	return func() {
		for range cap(done) {
			<-done
		}
	}
}
