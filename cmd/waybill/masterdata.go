package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/report"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/statedfile"
)

const (
	maxMasterInput = 8 << 20
	// masterAtOnce is how many data go with one call.
	masterAtOnce = 500
)

// masterFile is what `masterdata register` reads of a YAML or JSON file.
type masterFile struct {
	Prefixes []prefixEntry  `yaml:"prefixes"`
	Places   []placeEntry   `yaml:"places"`
	Products []productEntry `yaml:"products"`
	Lanes    []laneEntry    `yaml:"lanes"`
	Rules    *rulesEntry    `yaml:"rules"`
}

type prefixEntry struct {
	Version uint32 `yaml:"version"`
	Prefix  string `yaml:"prefix"`
	To      string `yaml:"to"`
}

type placeEntry struct {
	Version   uint32   `yaml:"version"`
	ID        string   `yaml:"id"`
	Name      string   `yaml:"name"`
	Latitude  *degree  `yaml:"latitude"`
	Longitude *degree  `yaml:"longitude"`
	Operators []string `yaml:"operators"`
	Steps     []string `yaml:"steps"`
}

type productEntry struct {
	Version uint32 `yaml:"version"`
	ID      string `yaml:"id"`
	Name    string `yaml:"name"`
	Balance bool   `yaml:"balance"`
}

type laneEntry struct {
	Version  uint32 `yaml:"version"`
	From     string `yaml:"from"`
	To       string `yaml:"to"`
	Name     string `yaml:"name"`
	Window   span   `yaml:"window"`
	MaxSpeed int64  `yaml:"max_speed_kmh"`
}

type rulesEntry struct {
	Version        uint32   `yaml:"version"`
	Keepers        []string `yaml:"keepers"`
	Window         span     `yaml:"window"`
	MaxSpeed       int64    `yaml:"max_speed_kmh"`
	EventBehind    span     `yaml:"event_behind"`
	EventAhead     span     `yaml:"event_ahead"`
	StrictPlaces   bool     `yaml:"strict_places"`
	StrictReceipts bool     `yaml:"strict_receipts"`
}

// degree is an angle in millionths of a degree, written as a decimal number of degrees.
type degree int32

func (d *degree) UnmarshalYAML(n *yaml.Node) error {
	v, err := parseDegree(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	*d = degree(v)
	return nil
}

// parseDegree reads a number of degrees, rounded to millionths.
func parseDegree(text string) (int32, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(v) || math.Abs(v) > 180 {
		return 0, fmt.Errorf("%q is not a number of degrees", text)
	}
	return int32(math.Round(v * 1e6)), nil
}

func spanOf(s span) *durationpb.Duration {
	if s == 0 {
		return nil
	}
	return durationpb.New(time.Duration(s))
}

// data gives what the file registers, what others rest on first.
func (f masterFile) data() ([]*waybillv1.MasterDatum, error) {
	var out []*waybillv1.MasterDatum
	for _, e := range f.Prefixes {
		out = append(out, &waybillv1.MasterDatum{Version: e.Version, Datum: &waybillv1.MasterDatum_Prefix{Prefix: &waybillv1.CompanyPrefix{Prefix: e.Prefix, To: e.To}}})
	}
	for i, e := range f.Places {
		p := &waybillv1.Place{Id: e.ID, Name: e.Name, Operators: e.Operators, Steps: e.Steps}
		if (e.Latitude == nil) != (e.Longitude == nil) {
			return nil, fmt.Errorf("places[%d]: latitude and longitude go together", i)
		}
		if e.Latitude != nil {
			p.Position = &waybillv1.LatLon{Latitude: int32(*e.Latitude), Longitude: int32(*e.Longitude)}
		}
		out = append(out, &waybillv1.MasterDatum{Version: e.Version, Datum: &waybillv1.MasterDatum_Place{Place: p}})
	}
	for _, e := range f.Products {
		p := &waybillv1.Product{Id: e.ID, Name: e.Name, Balance: e.Balance}
		out = append(out, &waybillv1.MasterDatum{Version: e.Version, Datum: &waybillv1.MasterDatum_Product{Product: p}})
	}
	for _, e := range f.Lanes {
		l := &waybillv1.Lane{From: e.From, To: e.To, Name: e.Name, Window: spanOf(e.Window), MaxSpeed: 1000 * e.MaxSpeed}
		out = append(out, &waybillv1.MasterDatum{Version: e.Version, Datum: &waybillv1.MasterDatum_Lane{Lane: l}})
	}
	if r := f.Rules; r != nil {
		out = append(out, &waybillv1.MasterDatum{Version: r.Version, Datum: &waybillv1.MasterDatum_Rules{Rules: &waybillv1.Rules{
			Keepers: r.Keepers, Window: spanOf(r.Window), MaxSpeed: 1000 * r.MaxSpeed, EventBehind: spanOf(r.EventBehind), EventAhead: spanOf(r.EventAhead),
			StrictPlaces: r.StrictPlaces, StrictReceipts: r.StrictReceipts,
		}}})
	}
	return out, nil
}

// readMasterData reads a file of master data, or the master data in an EPCIS document's header.
func readMasterData(file string, stdin io.Reader) (data []*waybillv1.MasterDatum, document []byte, err error) {
	in, err := openInput(file, stdin)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close() //nolint:errcheck // read only, nothing to lose
	raw, err := io.ReadAll(io.LimitReader(in, maxMasterInput+1))
	if err != nil {
		return nil, nil, fail(exitRefused, codeFile, "", "%s: %w", file, err)
	}
	bad := func(format string, args ...any) ([]*waybillv1.MasterDatum, []byte, error) {
		return nil, nil, fail(exitRefused, codeInvalid, "waybill masterdata register --help shows a file", file+": "+format, args...)
	}
	if len(raw) > maxMasterInput {
		return bad("larger than %d bytes", maxMasterInput)
	}
	if isEPCIS(file, raw) {
		document = raw
		var words report.Vocabulary
		if words, err = report.ReadVocabulary(raw); err != nil {
			return bad("%w", err)
		}
		if data, err = vocabularyData(words); err != nil {
			return bad("%w", err)
		}
	} else {
		var f masterFile
		if err = statedfile.Struct(raw, &f); err != nil {
			return bad("%w", err)
		}
		if data, err = f.data(); err != nil {
			return bad("%w", err)
		}
	}
	if len(data) == 0 && document == nil {
		return bad("it holds no prefix, place, product, lane or rules")
	}
	return data, document, nil
}

// isEPCIS tells an EPCIS document from a file of master data.
func isEPCIS(file string, raw []byte) bool {
	switch filepath.Ext(file) {
	case ".jsonld", ".xml":
		return true
	case ".yaml", ".yml":
		return false
	}
	start := bytes.TrimSpace(raw)
	return bytes.HasPrefix(start, []byte("<")) || bytes.HasPrefix(start, []byte("{")) && bytes.Contains(raw, []byte(`"epcisHeader"`))
}

// vocabularyData reads places and products of an EPCIS vocabulary: places with their names and positions,
// products with their names.
func vocabularyData(words report.Vocabulary) ([]*waybillv1.MasterDatum, error) {
	first := func(attributes map[string]string, names ...string) string {
		for _, n := range names {
			if v := attributes[n]; v != "" {
				return v
			}
		}
		return ""
	}
	var places, products []*waybillv1.MasterDatum
	for _, id := range slices.Sorted(maps.Keys(words)) {
		attributes := words[id]
		parsed, err := epcis.ParseIdentifier(id)
		if err != nil {
			continue
		}
		switch parsed.Kind {
		case epcis.KindSGLN, epcis.KindPGLN:
			p := &waybillv1.Place{Id: id, Name: first(attributes, "name", "siteName", "sst")}
			if lat, lon := first(attributes, "latitude"), first(attributes, "longitude"); lat != "" && lon != "" {
				var position waybillv1.LatLon
				if position.Latitude, err = parseDegree(lat); err == nil {
					position.Longitude, err = parseDegree(lon)
				}
				if err != nil {
					return nil, fmt.Errorf("%s: %w", id, err)
				}
				p.Position = &position
			}
			places = append(places, &waybillv1.MasterDatum{Datum: &waybillv1.MasterDatum_Place{Place: p}})
		case epcis.KindGTIN:
			p := &waybillv1.Product{Id: id, Name: first(attributes, "regulatedProductName", "functionalName", "tradeItemDescription", "descriptionShort")}
			products = append(products, &waybillv1.MasterDatum{Datum: &waybillv1.MasterDatum_Product{Product: p}})
		default:
		}
	}
	return append(places, products...), nil
}

func (a *app) newMasterDataCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "masterdata", Short: "Register places, products, lanes and rules", Args: cobra.NoArgs, RunE: groupOnly}
	cmd.AddCommand(a.newMasterDataRegisterCommand(), a.newMasterDataListCommand())
	return cmd
}

func (a *app) newMasterDataRegisterCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "register FILE...",
		Short: "Put master data on the ledger",
		Long: `Put master data on the ledger: of YAML or JSON files, or the places and products in the header of EPCIS
documents (JSON or XML). What is registered already is answered as a duplicate; what changed becomes
its next version, and the earlier ones stay readable.

Of an EPCIS document every vocabulary element, of any type, is also kept as this organisation's word on it,
with its attributes and children, as a capture of the document does: EPCIS queries ask for them.

A company prefix belongs to the organisation that claims it first, and what bears it is that
organisation's to register. Its holder hands it over with "to: MSPID"; so does a majority of the rules'
keepers, each registering the same, where the claim was not true. A lane belongs to the owner of the place it begins at. The first rules name
their keepers; later ones are in force once a majority of the keepers has registered the same. Without
rules no limit is checked, and a place nobody registered is no finding.

  prefixes:
    - prefix: "9521321"
  places:
    - id: urn:epc:id:sgln:9521321.00001.0
      name: Plant, gate 1
      latitude: 52.520008
      longitude: 13.404954
      operators: [CarrierMSP]         # beside the owner
      steps: [receiving, shipping]    # none: every one
  products:
    - id: https://id.gs1.org/01/09521321000018
      balance: true                   # its lots' quantities are held to account
  lanes:
    - from: urn:epc:id:sgln:9521321.00001.0
      to: urn:epc:id:sgln:9521322.00007.0
      window: 48h                     # shipped, to be received within
      max_speed_kmh: 110
  rules:
    keepers: [CarrierMSP, PharmacyMSP, ProducerMSP]
    window: 168h
    max_speed_kmh: 900
    event_behind: 720h                # an event may be that much older than its recording
    event_ahead: 1m
    strict_places: false
    strict_receipts: false`,
		Example: `  waybill masterdata register masterdata.yaml
  waybill masterdata register --org carrier catalogue.jsonld`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var data []*waybillv1.MasterDatum
			var documents [][]byte
			for _, file := range args {
				read, document, err := readMasterData(file, cmd.InOrStdin())
				if err != nil {
					return err
				}
				data = append(data, read...)
				if document != nil {
					documents = append(documents, document)
				}
			}
			return a.ask(cmd, profile.IdentityRegistrar, func(ctx context.Context, conn grpc.ClientConnInterface) error {
				api := waybillv1.NewMasterDataServiceClient(conn)
				refusals, answers := 0, 0
				register := func(r *waybillv1.RegisterMasterDataRequest) error {
					answer, err := api.RegisterMasterData(ctx, r)
					if err != nil {
						return err
					}
					n, err := a.masterResults(cmd.OutOrStdout(), answer.GetResults())
					refusals, answers = refusals+n, answers+len(answer.GetResults())
					return err
				}
				for part := range slices.Chunk(data, masterAtOnce) {
					if err := register(&waybillv1.RegisterMasterDataRequest{Data: part}); err != nil {
						return err
					}
				}
				for _, document := range documents {
					if err := register(&waybillv1.RegisterMasterDataRequest{Document: document}); err != nil {
						return err
					}
				}
				if refusals > 0 {
					return refused("%d of %d refused", refusals, answers)
				}
				return nil
			})
		},
	}
}

// masterName spells what was registered with its version; what a document states of an element has none.
func masterName(r *waybillv1.MasterDataResult) string {
	if r.GetVersion() == 0 {
		return printable(r.GetId())
	}
	return fmt.Sprintf("%s/%d", printable(r.GetId()), r.GetVersion())
}

func (a *app) masterResults(w io.Writer, results []*waybillv1.MasterDataResult) (refusals int, err error) {
	for _, r := range results {
		switch {
		case a.json:
			err = writeView(w, r)
		case r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED:
			_, err = fmt.Fprintf(w, "%s %s refused: %s: %s\n", r.GetKind(), masterName(r), r.GetCode(), printable(r.GetMessage()))
		default:
			note := ""
			if r.GetMessage() != "" {
				note = "; " + printable(r.GetMessage())
			}
			_, err = fmt.Fprintf(w, "%s %s %s (transaction %s)%s\n", r.GetKind(), masterName(r), wordOf(r.GetStatus()), r.GetTransactionId(), note)
		}
		if err != nil {
			return refusals, err
		}
		if r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED {
			refusals++
		}
	}
	return refusals, nil
}

func (a *app) newMasterDataListCommand() *cobra.Command {
	list := &cobra.Command{
		Use:   "list [KIND [ID]]",
		Short: "List master data, by kind and identifier",
		Long: `List the master data in force, by kind and identifier. KIND is prefix, place, product, lane or rules; the ID
of a lane is its two places, as two arguments or parted by a space. Exit code 1 if an ID is named and
nothing is registered under it.`,
		Example: `  waybill masterdata list place
  waybill masterdata list place urn:epc:id:sgln:9521321.00001.0 --all-versions
  waybill masterdata list rules --json`,
		Args: cobra.MaximumNArgs(3),
	}
	var l lister
	l.flags(list, "master data")
	owner := list.Flags().String("owner", "", "only what this organisation (MSP ID) owns")
	all := list.Flags().Bool("all-versions", false, "every version, and rules that wait for approvals")
	list.RunE = func(cmd *cobra.Command, args []string) error {
		request := &waybillv1.ListMasterDataRequest{Owner: *owner, AllVersions: *all}
		if len(args) > 0 {
			request.Kind, request.Id = args[0], strings.Join(args[1:], " ")
		}
		return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			api := waybillv1.NewMasterDataServiceClient(conn)
			t := a.newTable(cmd, "KIND", "ID", "VERSION", "OWNER", "SET BY", "AT", "SAYS")
			found := 0
			return listed(a, cmd, l.limit, t, func(size uint32, token string) (*waybillv1.ListMasterDataResponse, int, error) {
				request.PageSize, request.PageToken = size, token
				r, err := api.ListMasterData(ctx, request)
				if err != nil {
					return nil, 0, err
				}
				if found += len(r.GetData()); found == 0 && request.GetId() != "" {
					return nil, 0, fail(exitRefused, "WB_NOT_FOUND", "`waybill masterdata list` shows what is registered", "no %s %s is registered", request.GetKind(), printable(request.GetId()))
				}
				return r, len(r.GetData()), show(a, cmd.OutOrStdout(), t, r.GetData(), masterRow)
			})
		})
	}
	return list
}

func masterRow(m *waybillv1.MasterDatum) []string {
	kind, id, says := "", "", []string{}
	say := func(what string, some bool) {
		if some {
			says = append(says, what)
		}
	}
	speed := func(n int64) { say(fmt.Sprintf("at most %s km/h", kilometres(n)), n > 0) }
	window := func(what string, d *durationpb.Duration) { say(what+d.AsDuration().String(), d != nil) }
	switch d := m.GetDatum().(type) {
	case *waybillv1.MasterDatum_Prefix:
		kind, id = "prefix", d.Prefix.GetPrefix()
		say("handed over to "+d.Prefix.GetTo(), d.Prefix.GetTo() != "")
	case *waybillv1.MasterDatum_Place:
		kind, id = "place", d.Place.GetId()
		say(d.Place.GetName(), d.Place.GetName() != "")
		say(fmt.Sprintf("at %.6f %.6f", float64(d.Place.GetPosition().GetLatitude())/1e6, float64(d.Place.GetPosition().GetLongitude())/1e6), d.Place.GetPosition() != nil)
		say("operators "+strings.Join(d.Place.GetOperators(), " "), len(d.Place.GetOperators()) > 0)
		say("steps "+strings.Join(d.Place.GetSteps(), " "), len(d.Place.GetSteps()) > 0)
	case *waybillv1.MasterDatum_Product:
		kind, id = "product", d.Product.GetId()
		say(d.Product.GetName(), d.Product.GetName() != "")
		say("balanced", d.Product.GetBalance())
	case *waybillv1.MasterDatum_Lane:
		kind, id = "lane", d.Lane.GetFrom()+" "+d.Lane.GetTo()
		say(d.Lane.GetName(), d.Lane.GetName() != "")
		window("within ", d.Lane.GetWindow())
		speed(d.Lane.GetMaxSpeed())
	case *waybillv1.MasterDatum_Rules:
		kind, id = "rules", "rules"
		say("kept by "+strings.Join(d.Rules.GetKeepers(), " "), true)
		window("within ", d.Rules.GetWindow())
		speed(d.Rules.GetMaxSpeed())
		window("behind ", d.Rules.GetEventBehind())
		window("ahead ", d.Rules.GetEventAhead())
		say("strict places", d.Rules.GetStrictPlaces())
		say("strict receipts", d.Rules.GetStrictReceipts())
	}
	say("waits for approvals", m.GetPending())
	return []string{kind, id, strconv.FormatUint(uint64(m.GetVersion()), 10), m.GetOwner(), m.GetSetBy(), stamp(m.GetSetAt()), strings.Join(says, ", ")}
}
