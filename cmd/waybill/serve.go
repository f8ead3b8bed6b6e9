package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/api/anchor"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/api/review"
	"github.com/waybill-dev/waybill/api/server"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/blocks"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// The roles of a server, which are the parts of its health, and what all of them stand on.
const (
	roleAPI       = "api"
	roleReadModel = "readmodel"
	roleScorer    = "scorer"
	partLedger    = "ledger"
	partREST      = "rest"
)

func roles() []string { return []string{roleAPI, roleReadModel, roleScorer} }

const (
	// heightEvery is how often the ledger's height is asked, which tells whether a peer answers.
	heightEvery   = 2 * time.Second
	heightTimeout = 3 * time.Second
	// followEvery is how often an API looks for what another process has added to the read model.
	followEvery = 200 * time.Millisecond
	// lagAllowed is how many blocks a part may be behind and still be said to work.
	lagAllowed = 64
	// A part that failed is started again after a pause that grows between these.
	firstRestart = 200 * time.Millisecond
	lastRestart  = 10 * time.Second
	metricsClose = 2 * time.Second
	// serveGOGC is how far the heap may grow between two collections, in percent of what it holds.
	serveGOGC = 300
	// retryFor is how long a write is tried here while the network does not take it; then its caller
	// is told, and may try again.
	retryFor = 10 * time.Second
)

// serveConfig is what a server is told by its flags.
type serveConfig struct {
	profile   *profile.Profile
	identity  string
	roles     []string
	dir       string // state folder of this organisation's server
	store     readmodel.Config
	listen    string
	metrics   string
	rest      restConfig
	drain     time.Duration
	partition scorer.Partition
	takeover  time.Duration
	model     modelNamed
	// anchorEvery is how long new leaves of the proof log wait for their root; negative: never.
	anchorEvery time.Duration
	log         *slog.Logger
	ready       func(addresses) // called once every part works
}

// addresses are where a server listens; empty for nowhere.
type addresses struct{ api, rest, metrics string }

func (c serveConfig) has(role string) bool { return slices.Contains(c.roles, role) }

func (a *app) newServeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve an organisation: API, read model and scorer",
		Long: `Serve one organisation: the gRPC API and the EPCIS REST binding that its companies, gateways and
dashboards call, the read model that answers questions, and the scorer that judges its shipments. Each is a role; a process
runs all of them or those that --role names, and processes that share a state folder divide the
roles between them. What a server writes, it writes by the roles of its identity's certificate: one that
may not record, such as the assessor's, has no findings reviewed, and an organisation without a peer anchors
no roots and checks those of the others.

Where a scoring policy is in force and the identity's credit account is a registered scorer with a stake, the scorer
takes its part in tasks: it opens, commits, closes, reveals, settles and challenges, and writes no verdict alone but
those that cannot be a task. What its nonces are made of is scorer.secret in the state folder, which nobody
else may read; who loses it cannot reveal what it has committed to.

A --model that names a version or an alias is taken from the ledger, held to its digest there, and must be approved.
production:CLASS is followed: when the class goes to another version, by promotion or rollback, that one judges what falls
due from then on, and the one before ends what it took part in. A new version judges from the ledger's first block, as any
model that a server has not judged by before. While what serves is revoked nothing is judged, and the scorer says
so (WB_MODEL_BLOCKED in the log, at /readyz and over the API's health). A server judges all shipments of its partition by
the one model, whatever their products.

The process may be killed at any moment: what was acknowledged is on the ledger, and a new start
goes on where the ledger says. While no peer answers it keeps trying, says NOT_SERVING, and answers
requests with WB_UNAVAILABLE. The first signal ends it cleanly: accepted work is finished, for at
most --drain; a second one ends it at once.

It writes one line to standard output once every role works, and logs to standard error.
/metrics, /livez and /readyz answer on the metrics address.

The read model is a file of the state folder, or in the PostgreSQL database that --store names: any
number of servers of any organisations of one channel may share it. A password is better kept in
PGPASSWORD or a PGPASSFILE than in the URL, which other users of this machine can see.`,
		Example: `  waybill serve --org carrier
  waybill serve --org producer --role api --role readmodel
  waybill serve --org assessor --role scorer --model 'production:*'
  waybill serve --org producer --store 'postgres://waybill@db.example.com/waybill?sslmode=verify-full'
  waybill serve --profile /etc/waybill/producer.yaml --dir /var/lib/waybill --log json`,
		Args: cobra.NoArgs,
	}
	var c serveConfig
	f := cmd.Flags()
	f.StringSliceVar(&c.roles, "role", roles(), "roles to run: api, readmodel, scorer")
	f.StringVar(&c.listen, "listen", "", "`ADDRESS` of the gRPC API (default: the profile's)")
	f.StringVar(&c.metrics, "metrics", "", "`ADDRESS` of metrics and health (default: the profile's; off: none)")
	f.DurationVar(&c.drain, "drain", 20*time.Second, "how long a clean end may take to finish accepted work")
	f.DurationVar(&c.takeover, "takeover", 0, "with --partition: judge other partitions' shipments too when their verdict is this late; 0 for never")
	readREST := restFlags(cmd, &c.rest)
	f.DurationVar(&c.anchorEvery, "anchor-every", 5*time.Second, "anchor the root of the proof log this often while there is something new; negative for never")
	location := f.String("store", "", storeHelp)
	partition := f.String("partition", "", "judge only part `I/N` of the shipments, such as 0/2")
	model := f.String("model", "", "judge by `MODEL`: an artefact's file, as waybill train writes it, a version on the ledger such as fridge/2, or whichever serves a product class there, such as production:* (default: the one that ships)")
	format := f.String("log", "text", "form of the log: text, json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if c.partition, err = parsePartition(*partition); err != nil {
			return err
		}
		if c.log, err = a.logger(cmd.ErrOrStderr(), *format); err != nil {
			return err
		}
		for _, role := range c.roles {
			if !slices.Contains(roles(), role) {
				return usage("--role: %q is not one of %s", role, strings.Join(roles(), ", "))
			}
		}
		if err = readREST(); err != nil {
			return err
		}
		if c.model, err = parseModelName(*model); err != nil {
			return err
		}
		if c.drain <= 0 {
			return usage("--drain is %s, it must be above 0", c.drain)
		}
		if c.profile, err = a.loadProfile(); err != nil {
			return err
		}
		c.identity = a.identity
		if c.identity == "" {
			c.identity = profile.IdentityService
		}
		c.dir = filepath.Join(a.dir, "serve", c.profile.Organisation)
		if c.store, err = storeConfig(c.dir, *location); err != nil {
			return err
		}
		c.ready = func(at addresses) { a.sayReady(cmd.OutOrStdout(), c, at) }
		if os.Getenv("GOGC") == "" {
			// As with the network's processes (network/adr/003): little is held, much is allocated an event.
			debug.SetGCPercent(serveGOGC)
		}
		return serve(cmd.Context(), c)
	}
	return cmd
}

func parsePartition(s string) (scorer.Partition, error) {
	if s == "" {
		return scorer.Partition{}, nil
	}
	i, n, ok := strings.Cut(s, "/")
	index, err := strconv.Atoi(i)
	of, err2 := strconv.Atoi(n)
	if !ok || err != nil || err2 != nil || index < 0 || of < 1 || index >= of {
		return scorer.Partition{}, usage("--partition: %q is not a part such as 0/2", s)
	}
	return scorer.Partition{Index: index, Count: of}, nil
}

func (a *app) logger(w io.Writer, format string) (*slog.Logger, error) {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if a.quiet {
		options.Level = slog.LevelWarn
	}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, usage("--log: %q is not text or json", format)
}

func (a *app) sayReady(w io.Writer, c serveConfig, at addresses) {
	if a.json {
		_ = writeJSON(w, object{{"ready", true}, {"organisation", c.profile.Organisation}, {"roles", c.roles}, {"api", at.api}, {"rest", restURL(at.rest)}, {"metrics", at.metrics}})
		return
	}
	fmt.Fprintf(w, "ready: %s serves %s on %s, EPCIS REST on %s, metrics on %s\n", c.profile.Organisation, strings.Join(c.roles, ", "),
		orNone(at.api), orNone(restURL(at.rest)), orNone(at.metrics))
}

func orNone(s string) string {
	if s == "" {
		return "no address"
	}
	return s
}

// service is the parts of a running server.
type service struct {
	serveConfig
	registry *prometheus.Registry
	health   *health
	client   *fabric.Client
	stream   *blocks.Stream
	submit   *submit.Submitter
	anchor   *anchor.Service
	store    *readmodel.Store
	scorers  *scorers
	api      *server.Server
	review   *review.Service
	*restParts
	known chan struct{} // closed once the ledger is known to be that of the state folder
}

// serve runs an organisation's server until the context is done, which is no error, or a part of it
// fails for good.
func serve(ctx context.Context, c serveConfig) (err error) {
	slices.Sort(c.roles)
	c.roles = slices.Compact(c.roles)
	for _, role := range c.roles {
		release, lockErr := lockState(c.dir, role, "waybill serve")
		if lockErr != nil {
			return lockErr
		}
		defer release()
	}
	s := &service{
		serveConfig: c, registry: prometheus.NewRegistry(), health: newHealth(append([]string{partLedger}, c.roles...)...),
		known: make(chan struct{}),
	}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	defer func() { err = errors.Join(err, s.close()) }()
	if err = s.open(ctx); err != nil {
		return err
	}
	return s.run(ctx)
}

// open makes the parts; it starts none of them.
func (s *service) open(ctx context.Context) error {
	var err error
	if s.client, err = fabric.Dial(s.profile, s.identity, fabric.Options{}); err != nil {
		return err
	}
	if s.stream, err = blocks.Open(s.profile, s.client, blocks.Options{OnRetry: func(peer string, cause error) {
		level := slog.LevelWarn
		if errors.Is(cause, blocks.ErrTampered) || errors.Is(cause, blocks.ErrPosition) {
			level = slog.LevelError // someone should look at that peer
		}
		s.log.Log(ctx, level, "the block stream changes its peer", "peer", peer, "cause", cause)
	}}); err != nil {
		return err
	}
	s.submit = submit.New(s.client, submit.Config{RetryFor: retryFor, DrainFor: s.drain, Hooks: submitMetrics(s.registry)})
	if s.has(roleAPI) || s.has(roleReadModel) {
		c := s.serveConfig.store
		c.Metrics, c.Logger = s.registry, s.log.With("part", roleReadModel)
		if s.store, err = readmodel.Open(ctx, c); err != nil {
			return err
		}
	}
	if s.store != nil {
		if err := s.openAnchor(); err != nil {
			return err
		}
	}
	if s.has(roleScorer) {
		if err := s.openScorer(); err != nil {
			return err
		}
	}
	if s.has(roleAPI) {
		held, err := identityRoles(s.profile, s.identity)
		if err != nil {
			return err
		}
		if slices.Contains(held, ledger.RoleRecorder) { // the contract takes reviews of no others
			s.review = review.New(review.Config{Reader: s.store, Reviewer: s.submit, Logger: s.log.With("part", "review"), Changed: reviewMetrics(s.registry)})
		}
		return s.openAPI(ctx)
	}
	return nil
}

func (s *service) openAPI(ctx context.Context) error {
	api := s.profile.API
	files := server.CertificateFiles{Cert: api.ServerCert, Key: api.ServerKey, ClientCAs: api.ClientCAs}
	for mspID, roots := range s.profile.TrustRoots {
		if mspID != s.profile.MSPID {
			files.OtherCAs = append(files.OtherCAs, roots...)
		}
	}
	certificates, err := server.LoadCertificates(files)
	if err != nil {
		return err
	}
	creditKey, err := creditKeyOf(s.profile, s.identity)
	if err != nil {
		return err
	}
	if s.api, err = server.New(server.Config{
		Recorder: s.submit, Reader: s.store, TLS: certificates, Height: s.stream.Height, Prover: s.anchor, Reports: s.store.Reports(), MasterData: s.store.Reports(),
		Governor: s.submit, Books: s.store, Tasks: s.store, CreditKey: creditKey,
		About: server.About{
			Version: version(), Organisation: s.profile.Organisation, MSPID: s.profile.MSPID,
			Network: s.profile.Name, Channel: s.profile.Channel, Chaincode: s.profile.Chaincode,
		},
		Limits: server.Limits{DrainTime: s.drain}, Metrics: s.registry, Logger: s.log.With("part", roleAPI),
	}); err != nil {
		return err
	}
	return s.openREST(ctx, certificates)
}

func (s *service) close() error {
	var errs []error
	if s.restParts != nil && s.state != nil {
		errs = append(errs, s.state.Close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.client != nil {
		errs = append(errs, s.client.Close())
	}
	return errors.Join(errs...)
}

// run starts the parts and ends them in the order in which they lean on each other: first no new
// calls, then no new verdicts, then what was accepted goes to the ledger, then the read model.
func (s *service) run(ctx context.Context) error {
	at, err := s.listeners(ctx)
	if err != nil {
		return err
	}
	// The first part that fails for good ends the others.
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	failed := func(part string, err error) {
		if err != nil && ctx.Err() == nil {
			s.health.set(part, err.Error())
			fail(fmt.Errorf("%s: %w", part, err))
		}
	}
	lasting := context.WithoutCancel(ctx)

	reading, stopReading := context.WithCancel(lasting)
	defer stopReading()
	var readers errgroup.Group
	readers.Go(func() error {
		failed(partLedger, s.watchLedger(reading))
		return nil
	})
	if s.store != nil {
		readers.Go(func() error {
			failed(roleReadModel, s.runStore(reading))
			return nil
		})
	}
	stopMetrics := s.serveMetrics(lasting, at.metrics, failed)
	defer stopMetrics()

	writing, stopWriting := context.WithCancel(lasting)
	defer stopWriting()
	var writers errgroup.Group
	if s.submit != nil {
		writers.Go(func() error {
			failed("submitter", s.submit.Run(writing))
			return nil
		})
	}
	anchoring, stopAnchoring := context.WithCancel(lasting)
	defer stopAnchoring()
	var anchors errgroup.Group
	if s.anchor != nil && s.has(roleReadModel) {
		anchors.Go(func() error {
			if s.knows(anchoring) {
				failed("anchor", s.anchor.Run(anchoring))
			}
			return nil
		})
	}
	scoring, stopScoring := context.WithCancel(lasting)
	defer stopScoring()
	var scorers errgroup.Group
	if s.scorers != nil {
		scorers.Go(func() error {
			if s.knows(scoring) {
				failed(roleScorer, s.scorers.Run(scoring))
			}
			return nil
		})
	}
	if s.review != nil {
		scorers.Go(func() error {
			if s.knows(scoring) {
				failed("review", s.review.Run(scoring))
			}
			return nil
		})
	}
	var calls errgroup.Group
	if s.api != nil {
		s.health.onChange(s.tellHealth)
		s.health.set(roleAPI, "")
		calls.Go(func() error {
			failed(roleAPI, s.api.Serve(ctx, at.api))
			return nil
		})
	}
	if at.rest != nil {
		wait := s.restParts.run(ctx, at.rest, failed)
		calls.Go(func() error {
			wait()
			return nil
		})
	}
	go s.announce(ctx, at)

	<-ctx.Done()
	s.log.Info("ending", "drain", s.drain)
	began := time.Now()
	_ = calls.Wait() // these return no errors: failed takes them
	stopScoring()
	_ = scorers.Wait()
	stopAnchoring()
	_ = anchors.Wait()
	if s.submit != nil {
		s.submit.Close()
	}
	_ = writers.Wait()
	stopReading()
	_ = readers.Wait()
	s.log.Info("ended", "after", time.Since(began).Round(time.Millisecond))
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// tellHealth turns the parts that work into the health of the API's services.
func (s *service) tellHealth(works map[string]bool) {
	reading := works[roleReadModel] || !s.has(roleReadModel) // another process's is not seen from here
	for service, serving := range map[string]bool{
		"": works[partLedger] && reading,
		waybillv1.CaptureService_ServiceDesc.ServiceName:   works[partLedger],
		waybillv1.TelemetryService_ServiceDesc.ServiceName: works[partLedger],
		waybillv1.PolicyService_ServiceDesc.ServiceName:    works[partLedger],
		waybillv1.VerdictService_ServiceDesc.ServiceName:   reading,

		waybillv1.FindingService_ServiceDesc.ServiceName:    reading,
		waybillv1.MasterDataService_ServiceDesc.ServiceName: works[partLedger],
		waybillv1.CreditService_ServiceDesc.ServiceName:     works[partLedger],
		waybillv1.ModelService_ServiceDesc.ServiceName:      works[partLedger],
		waybillv1.AdminService_ServiceDesc.ServiceName:      true,
	} {
		s.api.SetServing(service, serving)
	}
	for part, serving := range works {
		s.api.SetServing("waybill."+part, serving)
	}
}

// listeners are what a server listens on; nil for nothing.
type listeners struct{ api, rest, metrics net.Listener }

func (l listeners) close() error {
	var errs []error
	for _, one := range []net.Listener{l.api, l.rest, l.metrics} {
		if one != nil {
			errs = append(errs, one.Close())
		}
	}
	return errors.Join(errs...)
}

// restURL is the address of the REST binding as clients write it; empty for none.
func restURL(address string) string {
	if address == "" {
		return ""
	}
	return "https://" + address
}

func (s *service) announce(ctx context.Context, l listeners) {
	address := func(l net.Listener) string {
		if l == nil {
			return ""
		}
		return l.Addr().String()
	}
	at := addresses{address(l.api), address(l.rest), address(l.metrics)}
	s.log.Info("listening", "organisation", s.profile.Organisation, "roles", s.roles, "api", at.api, "rest", restURL(at.rest), "metrics", at.metrics)
	select {
	case <-s.health.ready:
		s.log.Info("ready")
		if s.ready != nil {
			s.ready(at)
		}
		if s.restParts != nil && s.state.Fresh() {
			tellNewState(ctx, s.stream.Height, s.store, s.log)
		}
	case <-ctx.Done():
	}
}

// tellNewState says, once the read model has what was on the ledger, that the service state is new though
// events are recorded: a server that was moved to another store does not find there what clients entrusted
// to it.
func tellNewState(ctx context.Context, height func(context.Context) (uint64, error), store *readmodel.Store, log *slog.Logger) {
	blocks, err := height(ctx)
	if err != nil || blocks == 0 || store.WaitFor(ctx, blocks-1) != nil {
		return // there are others to say so
	}
	if totals, _, err := store.Totals(ctx); err == nil && totals.Events > 0 {
		log.WarnContext(ctx, "WB_SERVICE_STATE_NEW: this store has no named queries, subscriptions or capture jobs yet, though the ledger has events; if another store served before, they are in that one",
			"events", totals.Events)
	}
}

func (s *service) listeners(ctx context.Context) (all listeners, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, all.close())
		}
	}()
	var config net.ListenConfig
	listen := func(address, purpose string) (net.Listener, error) {
		l, listenErr := config.Listen(ctx, "tcp", address)
		if errors.Is(listenErr, syscall.EADDRINUSE) {
			return nil, fail(exitUnavailable, "WB_PORT_TAKEN", "stop the other program, or choose another address", "%s for %s is held by another program", address, purpose)
		}
		return l, listenErr
	}
	if s.has(roleAPI) {
		address := s.listen
		if address == "" {
			address = s.profile.API.Address
		}
		if address == "" {
			return all, fail(exitRefused, "WB_PROFILE_INVALID", "name one with --listen", "the profile of %s has no API address", s.profile.Organisation)
		}
		if all.api, err = listen(address, "the API"); err != nil {
			return all, err
		}
	}
	if s.restParts != nil {
		if all.rest, err = listen(s.restAddress(), "the EPCIS REST binding"); err != nil {
			return all, err
		}
	}
	address := s.metrics
	if address == "" {
		address = s.profile.API.MetricsAddress
	}
	if address == "" || address == "off" {
		return all, nil
	}
	all.metrics, err = listen(address, "metrics and health")
	return all, err
}

func (s *service) serveMetrics(ctx context.Context, l net.Listener, failed func(string, error)) (stop func()) {
	if l == nil {
		return func() {}
	}
	h := &http.Server{
		Handler: s.health.handler(s.registry), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed("metrics", err)
		}
	}()
	return func() {
		limited, cancel := context.WithTimeout(ctx, metricsClose)
		defer cancel()
		if h.Shutdown(limited) != nil {
			_ = h.Close() // nothing is left to lose
		}
		<-done
	}
}

// report sets a part's health and logs what is news.
func (s *service) report(part, trouble string) {
	if !s.health.set(part, trouble) {
		return
	}
	if trouble == "" {
		s.log.Info("works", "part", part)
		return
	}
	s.log.Warn("does not work", "part", part, "why", trouble)
}

// watchLedger asks for the ledger's height now and then: whether a peer answers, and how far the
// parts that follow the ledger are behind. It ends with an error if the ledger is not the one that
// the state folder was made on; until that is known, no part is said to work that follows it.
func (s *service) watchLedger(ctx context.Context) error {
	tick := time.NewTicker(heightEvery)
	defer tick.Stop()
	known := false
	for {
		limited, cancel := context.WithTimeout(ctx, heightTimeout)
		height, err := s.stream.Height(limited)
		if err == nil && !known {
			if err = claimLedger(limited, s.dir, s.stream); err == nil {
				known = true
				close(s.known)
			}
		}
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, readmodel.ErrForeign), errors.Is(err, errStateFolder), errors.Is(err, blocks.ErrTrust):
			return err
		case err != nil:
			s.report(partLedger, "no peer answers: "+err.Error())
		default:
			s.report(partLedger, "")
			s.reportLag(height)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.hurry(tick.C):
		}
	}
}

// knows waits until the ledger is known to be the right one, and reports whether it is.
func (s *service) knows(ctx context.Context) bool {
	select {
	case <-s.known:
		return true
	case <-ctx.Done():
		return false
	}
}

// hurry gives the next moment to look at the ledger: soon, as long as the server was never ready.
func (s *service) hurry(usual <-chan time.Time) <-chan time.Time {
	select {
	case <-s.health.ready:
		return usual
	default:
		return time.After(firstRestart)
	}
}

func (s *service) reportLag(height uint64) {
	lag := func(part string, at uint64) {
		trouble := ""
		if at+lagAllowed < height {
			trouble = fmt.Sprintf("it has read %d of %d blocks", at, height)
		}
		s.report(part, trouble)
	}
	if s.store != nil && s.has(roleReadModel) {
		at, _ := s.store.Changed()
		lag(roleReadModel, at)
	}
	if s.scorers == nil {
		return
	}
	if trouble := s.scorers.trouble(); trouble != "" {
		s.report(roleScorer, trouble)
		return
	}
	lag(roleScorer, s.scorers.stats().Scorer.Position)
}

func (s *service) runStore(ctx context.Context) error {
	if s.has(roleReadModel) {
		if !s.knows(ctx) {
			return nil
		}
		return s.store.Run(ctx, readmodel.FromStream(s.stream, s.profile.Chaincode))
	}
	return s.store.Follow(ctx, followEvery)
}

// runScorer runs a scorer and starts it again, from its checkpoint, when it fails.
func (s *service) runScorer(ctx context.Context, j judge) {
	wait := firstRestart
	for {
		began := time.Now()
		err := j.Run(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it ended without a reason")
		}
		s.report(roleScorer, err.Error())
		if time.Since(began) > lastRestart {
			wait = firstRestart
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, lastRestart)
	}
}
