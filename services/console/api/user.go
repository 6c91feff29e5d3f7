package api

import (
	"time"

	"github.com/riskd-io/riskd/pkg/story"
)

// Device is what a user's events came with.
type Device struct {
	// ID is empty for "no token".
	ID       string `json:"id"`
	With     string `json:"with"`
	Class    string `json:"class"`
	Events   uint64 `json:"events"`
	Sessions uint64 `json:"sessions"`
	First    Moment `json:"first"`
	Last     Moment `json:"last"`
}

// UserStory is what is known of a user.
type UserStory struct {
	Tenant    string `json:"tenant"`
	User      string `json:"user"`
	Kind      string `json:"kind"`
	Since     Moment `json:"since"`
	First     Moment `json:"first"`
	Last      Moment `json:"last"`
	Events    uint64 `json:"events"`
	Sessions  uint64 `json:"sessions"`
	Addresses uint64 `json:"addresses"`
	// Recent sessions, the last one first.
	Recent     []Summary   `json:"recent"`
	Places     []Place     `json:"places"`
	Arcs       []Arc       `json:"arcs"`
	Devices    []Device    `json:"devices"`
	Challenges []Challenge `json:"challenges"`
	// Riskiest decision of each session, highest first.
	Riskiest []Decision `json:"riskiest"`
	AsOf     Moment     `json:"asOf"`
}

// NewUser is a user's story.
func NewUser(st *story.UserStory, now time.Time) UserStory {
	entries := make([]story.Entry, len(st.Riskiest))
	for i := range st.Riskiest {
		entries[i].Decision = &st.Riskiest[i]
	}
	return UserStory{Tenant: st.Tenant, User: st.User, Kind: st.Kind, Since: Moment(st.Since), First: Moment(st.First), Last: Moment(st.Last),
		Events: st.Events, Sessions: st.Sessions, Addresses: st.Addresses, Recent: each(st.Recent, summary),
		Places: places(st.Places, nil), Arcs: arcs(entries, st.Places, nil),
		Devices: each(st.Devices, func(d *story.Device) Device {
			return Device{ID: d.ID, With: story.With(story.Origin{Browser: d.Browser, OS: d.OS}), Class: d.Class, Events: d.Events, Sessions: d.Sessions, First: Moment(d.First), Last: Moment(d.Last)}
		}),
		Challenges: each(st.Challenges, NewChallenge), Riskiest: Decisions(st.Riskiest), AsOf: Moment(now)}
}
