// All pages. One with a key is in the navigation, and `g` and its key go there.
import type { ComponentType } from 'preact';
import { Overview } from './pages/overview';
import { Live } from './pages/live';
import { StepUps } from './pages/stepups';
import { Fatigue } from './pages/fatigue';
import { Rules } from './pages/rules';
import { Notices } from './pages/notices';
import { Policies } from './pages/policies';
import { Policy } from './pages/policy';
import { Backtest } from './pages/backtest';
import { Calibration } from './pages/calibration';
import { Investigate } from './pages/investigate';
import { Health } from './pages/health';
import { Audit } from './pages/audit';
import { Session } from './pages/session';
import { User } from './pages/user';
import { Decision } from './pages/decision';
import { Find } from './pages/find';

export interface Page {
  path: string;
  title: string;
  /** The letter after g; none: not in the navigation. */
  key?: string;
  /** The least role it is shown to. Default viewer. */
  role?: 'analyst' | 'admin';
  show: ComponentType;
}

export const pages: Page[] = [
  { path: '/', title: 'Overview', key: 'o', show: Overview },
  { path: '/live', title: 'Live', key: 'l', show: Live },
  { path: '/stepups', title: 'Step-ups', key: 's', show: StepUps },
  { path: '/fatigue', title: 'Funnel & fatigue', key: 'f', show: Fatigue },
  { path: '/rules', title: 'Rules', key: 'r', show: Rules },
  { path: '/notices', title: 'Notices', key: 'n', show: Notices },
  { path: '/policies', title: 'Policies', key: 'p', show: Policies },
  { path: '/backtest', title: 'Backtest', key: 'b', show: Backtest },
  { path: '/calibration', title: 'Calibration', key: 'c', show: Calibration },
  { path: '/investigate', title: 'Investigate', key: 'i', show: Investigate },
  { path: '/health', title: 'Health', key: 'h', show: Health },
  { path: '/audit', title: 'Audit', key: 'a', role: 'admin', show: Audit },
  { path: '/session', title: 'Session', show: Session },
  { path: '/user', title: 'User', show: User },
  { path: '/decision', title: 'Decision', show: Decision },
  { path: '/policy', title: 'Policy', show: Policy },
  { path: '/find', title: 'Search', show: Find },
];
