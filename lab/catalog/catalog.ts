/**
 * All entries of the lab.
 *
 * @module
 */

import { CLOSING } from "./closing.ts";
import { CODINGS } from "./codings.ts";
import { CONTENTS } from "./content.ts";
import { EVENTS } from "./events.ts";
import { FRAMING } from "./framing.ts";
import { HEADS } from "./heads.ts";
import { REDIRECTS } from "./redirects.ts";
import { RIGHT } from "./right.ts";
import type { Catalog } from "./entry.ts";

/** All entries by group, in the order of the list. */
export const CATALOG: Catalog = {
  ...RIGHT,
  ...REDIRECTS,
  ...CLOSING,
  ...FRAMING,
  ...HEADS,
  ...CONTENTS,
  ...CODINGS,
  ...EVENTS,
};
