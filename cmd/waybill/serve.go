package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/gateway/profile"
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

// defaultAnchorEvery keeps what is new in the proof log waiting for its root about as long as people wait for a page.
const defaultAnchorEvery = 5 * time.Second

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
	f.DurationVar(&c.anchorEvery, "anchor-every", defaultAnchorEvery, "anchor the root of the proof log this often while there is something new; negative for never")
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
