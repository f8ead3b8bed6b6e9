package simulate

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/waybill-dev/waybill/chaincode/wire"
)

// event is what the simulator writes of EPCIS 2.0, in the order of the standard's own examples.
type event struct {
	Type             string     `json:"type"`
	EventID          string     `json:"eventID"`
	EventTime        string     `json:"eventTime"`
	Offset           string     `json:"eventTimeZoneOffset"`
	ParentID         string     `json:"parentID,omitempty"`
	EPCs             []string   `json:"epcList,omitempty"`
	Quantities       []quantity `json:"quantityList,omitempty"`
	ChildEPCs        []string   `json:"childEPCs,omitempty"`
	InputEPCs        []string   `json:"inputEPCList,omitempty"`
	InputQuantities  []quantity `json:"inputQuantityList,omitempty"`
	OutputEPCs       []string   `json:"outputEPCList,omitempty"`
	OutputQuantities []quantity `json:"outputQuantityList,omitempty"`
	Action           string     `json:"action,omitempty"` // none in a transformation
	BizStep          string     `json:"bizStep,omitempty"`
	Disposition      string     `json:"disposition,omitempty"`
	ReadPoint        *place     `json:"readPoint,omitempty"`
	BizLocation      *place     `json:"bizLocation,omitempty"`
	Documents        []document `json:"bizTransactionList,omitempty"`
	Sources          []origin   `json:"sourceList,omitempty"`
	Destination      []target   `json:"destinationList,omitempty"`
	ILMD             *ilmd      `json:"ilmd,omitempty"`
}

type place struct {
	ID string `json:"id"`
}

type quantity struct {
	Class  string  `json:"epcClass"`
	Amount float64 `json:"quantity"`
	UOM    string  `json:"uom,omitempty"`
}

type document struct {
	Type string `json:"type"`
	ID   string `json:"bizTransaction"`
}

type origin struct {
	Type string `json:"type"`
	ID   string `json:"source"`
}

type target struct {
	Type string `json:"type"`
	ID   string `json:"destination"`
}

type ilmd struct {
	Lot     string `json:"cbvmda:lotNumber"`
	Expires string `json:"cbvmda:itemExpirationDate"`
}

func sgln(prefix, reference string) string {
	return fmt.Sprintf("urn:epc:id:sgln:%s.%s.0", prefix, reference)
}

func pgln(prefix string) string { return "urn:epc:id:pgln:" + prefix + ".00000" }

// entry gives the event as a company sends it.
func (e event) entry(at time.Time) (*wire.EventEntry, error) {
	e.EventTime = at.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	e.Offset = "+00:00"
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("simulate: event: %w", err)
	}
	entry, err := wire.NewEventEntry(nil, body)
	if err != nil {
		return nil, fmt.Errorf("simulate: event: %w", err)
	}
	return &entry, nil
}
