// Code generated from package api by `go test ./services/console/api -update`. DO NOT EDIT.

/** A moment in UTC, RFC 3339; null is unknown. */
export type Moment = string | null;

export interface Problem {
  code: string;
  message: string;
  detail?: string;
}

export interface Me {
  name: string;
  role: string;
  csrf: string;
  expires: Moment;
  signIn: SignIn;
  canAct: boolean;
  version: string;
  refreshMs: number;
}

export interface SignIn {
  local: boolean;
  oidc: string;
  hint: string;
}

export interface Credentials {
  name: string;
  password: string;
}

export interface Origin {
  ip: string;
  country: string;
  city: string;
  where: string;
  with: string;
  asn: number;
  asOrg: string;
  network: string;
  device: string;
}

export interface Input {
  key: string;
  value: string;
}

export interface Step {
  code: string;
  title: string;
  words: string;
  nats: number;
  before: number;
  after: number;
  risk: number;
  inputs: Input[];
}

export interface Decision {
  key: string;
  tenant: string;
  eventId: string;
  source: string;
  type: string;
  did: string;
  eventAction: string;
  outcome: string;
  time: Moment;
  decidedAt: Moment;
  latencyMs: number;
  user: string;
  session: string;
  risk: number;
  level: string;
  action: string;
  headline: string;
  travel: number;
  newDevice: number;
  deviation: number;
  steps: Step[];
  addsUp: boolean;
  unknown: string[];
  challenge: string;
  state: string;
  rule: string;
  ruleWords: string;
  policy: string;
  baseline: string;
  geo: string;
  engine: string;
  origin: Origin;
  resourceType: string;
  resourceId: string;
  sensitivity: string;
}

export interface Row {
  key: string;
  tenant: string;
  eventId: string;
  did: string;
  time: Moment;
  decidedAt: Moment;
  user: string;
  session: string;
  risk: number;
  level: string;
  action: string;
  headline: string;
  where: string;
  asOrg: string;
  network: string;
  with: string;
  sensitivity: string;
}

export interface Sentence {
  time: Moment;
  tone: string;
  text: string;
}

export interface Signal {
  challenge: string;
  revision: number;
  state: string;
  time: Moment;
  why: string;
  acr: string[];
  amr: string[];
  expires: Moment;
}

export interface Entry {
  time: Moment;
  decision: Decision | null;
  lateAction: string;
  lateReason: string;
  lateWhere: string;
  route: string;
  result: string;
  reason: string;
  author: string;
  signals: Signal[];
}

export interface Challenge {
  tenant: string;
  id: string;
  user: string;
  session: string;
  eventId: string;
  risk: number;
  state: string;
  why: string;
  issued: Moment;
  raisedAt: Moment;
  expires: Moment;
  changed: Moment;
  lastWhy: string;
  revision: number;
}

export interface Summary {
  session: string;
  user: string;
  first: Moment;
  last: Moment;
  decisions: number;
  worst: number;
  level: string;
  state: string;
  stepUps: number;
  denies: number;
  countries: string[];
  addresses: number;
  with: string;
  city: string;
}

export interface Place {
  name: string;
  country: string;
  city: string;
  located: boolean;
  lat: number;
  lon: number;
  radiusKm: number;
  events: number;
  sessions: number;
  first: Moment;
  last: Moment;
  networks: string[];
  here: boolean;
}

export interface Arc {
  from: string;
  to: string;
  fromLat: number;
  fromLon: number;
  toLat: number;
  toLon: number;
  words: string;
  time: Moment;
  event: string;
}

export interface SessionStory {
  tenant: string;
  summary: Summary;
  short: Sentence[];
  entries: Entry[];
  left: number;
  challenges: Challenge[];
  telling: number;
  places: Place[];
  arcs: Arc[];
  asOf: Moment;
}

export interface Device {
  id: string;
  with: string;
  class: string;
  events: number;
  sessions: number;
  first: Moment;
  last: Moment;
}

export interface UserStory {
  tenant: string;
  user: string;
  kind: string;
  since: Moment;
  first: Moment;
  last: Moment;
  events: number;
  sessions: number;
  addresses: number;
  recent: Summary[];
  places: Place[];
  arcs: Arc[];
  devices: Device[];
  challenges: Challenge[];
  riskiest: Decision[];
  asOf: Moment;
}

export interface Bucket {
  t: Moment;
  decisions: number;
  stepUps: number;
  denies: number;
}

export interface Funnel {
  raised: number;
  open: number;
  satisfied: number;
  denied: number;
  expired: number;
  cancelled: number;
}

export interface Overview {
  since: Moment;
  until: Moment;
  decisions: number;
  stepUps: number;
  denies: number;
  medium: number;
  high: number;
  users: number;
  sessions: number;
  perMinute: number;
  accepted: number;
  scored: number;
  duplicate: number;
  late: number;
  dead: number;
  funnel: Funnel;
  receipts: Record<string, number>;
  latencyMs: number[];
  lastDecided: Moment;
  series: Bucket[];
  stepSeconds: number;
}

export interface TopUser {
  tenant: string;
  user: string;
  decisions: number;
  asked: number;
  denied: number;
  worst: number;
  last: Moment;
  countries: string[];
}

export interface Home {
  overview: Overview;
  challenges: Challenge[];
  users: TopUser[];
  tenants: string[];
  asOf: Moment;
}

export interface Live {
  rows: Row[];
  lastDecided: Moment;
  tenants: string[];
  asOf: Moment;
}

export interface Tick {
  rows: Row[];
  lastDecided: Moment;
  asOf: Moment;
}

export interface Seen {
  tenant: string;
  user: string;
  decisions: number;
  sessions: number;
  devices: number;
  addresses: number;
  worst: number;
  stepUps: number;
  denies: number;
  failures: number;
  first: Moment;
  last: Moment;
  lastSession: string;
}

export interface Investigation {
  by: string;
  value: string;
  seen: Seen[];
  tenants: string[];
  asOf: Moment;
}

export interface Found {
  kind: string;
  tenant: string;
  id: string;
  last: Moment;
  rows: number;
}

export interface Rule {
  rule: string;
  words: string;
  tried: boolean;
  decisions: number;
  users: number;
  sessions: number;
  stepUps: number;
  denies: number;
  meanRisk: number;
  last: Moment;
}

export interface Evidence {
  code: string;
  title: string;
  hits: number;
  stepUps: number;
  denies: number;
  meanNats: number;
  maxNats: number;
}

export interface Rules {
  rules: Rule[];
  evidence: Evidence[];
  tenants: string[];
  asOf: Moment;
}

export interface StepUps {
  challenges: Challenge[];
  funnel: Funnel;
  tenants: string[];
  asOf: Moment;
}

export interface CauseFunnel {
  cause: string;
  words: string;
  asked: number;
  shown: number;
  satisfied: number;
  denied: number;
  expired: number;
  open: number;
  failedAttempts: number;
  toAnswerMs: number;
}

export interface Week {
  monday: Moment;
  activeUsers: number;
  askedUsers: number;
  challenges: number;
  honest: number;
  mostOne: number;
  perUser: number;
}

export interface Asked {
  tenant: string;
  user: string;
  asked: number;
  satisfied: number;
  denied: number;
  expired: number;
  last: Moment;
}

export interface Gap {
  kind: string;
  tenant: string;
  user: string;
  session: string;
  at: Moment;
  what: string;
}

export interface Fatigue {
  causes: CauseFunnel[];
  weeks: Week[];
  most: Asked[];
  gaps: Gap[];
  tenants: string[];
  asOf: Moment;
}

export interface Lag {
  partition: number;
  waiting: number;
  unwritten: number;
  persisted: Moment;
}

export interface DeadReason {
  reason: string;
  messages: number;
  last: Moment;
  example: string;
}

export interface DeadLetter {
  key: string;
  decidedAt: Moment;
  reason: string;
  detail: string;
  tenant: string;
  eventId: string;
  source: string;
  user: string;
  time: Moment;
  raw: string;
  bytes: number;
}

export interface Health {
  lags: Lag[];
  lagProblem: string;
  reasons: DeadReason[];
  letters: DeadLetter[];
  lastDecided: Moment;
  latencyMs: number[];
  accepted: number;
  scored: number;
  duplicate: number;
  late: number;
  dead: number;
  asOf: Moment;
}

export interface Feedback {
  tenant: string;
  user: string;
  session: string;
  event: string;
  challenge: string;
  label: string;
  reason: string;
}

export interface Published {
  eventId: string;
  at: Moment;
}

export interface Redrive {
  keys: string[];
  body: string;
}

export interface RedriveResult {
  key: string;
  sent: boolean;
  eventId: string;
  problem: string;
}

export interface Redriven {
  results: RedriveResult[];
}

export interface AuditEntry {
  at: Moment;
  actor: string;
  role: string;
  action: string;
  tenant: string;
  subject: string;
  detail: string;
  address: string;
}

export interface Audit {
  entries: AuditEntry[];
  asOf: Moment;
}

export interface Notices {
  notices: Notice[];
  rules: NoticesOfRule[];
  tenants: string[];
  asOf: Moment;
}

export interface Notice {
  key: string;
  tenant: string;
  user: string;
  session: string;
  eventId: string;
  time: Moment;
  did: string;
  rule: string;
  policy: string;
  words: string;
  risk: number;
  decision: string;
}

export interface NoticesOfRule {
  rule: string;
  notices: number;
  users: number;
  last: Moment;
}

export interface Policies {
  versions: PolicyVersion[];
  changes: PolicyChange[];
  twoPerson: boolean;
  revision: number;
  tried: Rule[];
  asOf: Moment;
}

export interface PolicyVersion {
  tenant: string;
  version: string;
  author: string;
  reason: string;
  evidence: string;
  pushedAt: Moment;
  approver: string;
  share: number;
}

export interface PolicyChange {
  n: number;
  kind: string;
  at: Moment;
  author: string;
  reason: string;
  tenant: string;
  version: string;
  share: number;
}

export interface PolicyText {
  tenant: string;
  version: string;
  text: string;
  against: string;
  lines: DiffLine[];
}

export interface DiffLine {
  kind: string;
  text: string;
}

export interface PolicyDeed {
  do: string;
  tenant: string;
  version: string;
  text: string;
  share: number;
  reason: string;
}

export interface Trial {
  text: string;
  values: Record<string, number>;
  from: string;
  to: string;
  source: string;
}

export interface Trying {
  state: string;
  by: string;
  started: Moment;
  events: number;
  problem: string;
  report: Report | null;
  text: string;
}

export interface Report {
  events: number;
  users: number;
  seconds: number;
  recorded: number;
  reproduced: number;
  live: Side;
  new: Side;
  rules: TrialRule[];
  changed: Turned[];
  newly: Differs[];
  noLonger: Differs[];
  missed: Differs[];
  countNewly: number;
  countLess: number;
  caught: number;
  countMissed: number;
  assumed: number;
}

export interface Side {
  prompts: number;
  perUserAndWeek: number;
  users: number;
  sessions: number;
}

export interface TrialRule {
  rule: string;
  livePrompts: number;
  newPrompts: number;
  liveDenials: number;
  newDenials: number;
  newShadow: number;
}

export interface Turned {
  from: string;
  to: string;
  events: number;
}

export interface Differs {
  tenant: string;
  user: string;
  session: string;
  event: string;
  at: Moment;
  risk: number;
  rule: string;
}

export interface Calibration {
  steps: CalibrationStep[];
  tenants: string[];
  asOf: Moment;
}

export interface CalibrationStep {
  from: number;
  known: number;
  attacks: number;
  said: number;
  was: number;
  low: number;
  high: number;
  byChallenge: number;
  byLabel: number;
}
