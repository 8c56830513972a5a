/* SPDX-License-Identifier: MIT */
/*
 * What the monitor says of itself: VESA E-EDID Standard, release A2, EDID 1.4.
 * It prefers 1280x800 at 60 Hz and knows the usual others; whatever fits the
 * video RAM can be set all the same.
 */
#include <string.h>

#include "dev/vga-int.h"

enum { /* offsets */
	EDID_FIRST = 8, /* behind the header */
	EDID_STANDARD = 38,
	EDID_DETAILED = 54,
	EDID_LIMITS = 72,
	EDID_NAME = 90,
	EDID_NONE = 108,
	EDID_SUM = 127,
	EDID_STANDARDS = 8,
	ASPECT_16_10 = 0,
	ASPECT_4_3 = 1,
	ASPECT_5_4 = 2,
	ASPECT_16_9 = 3
};

static const uint8_t first[] = {0x59, 0xb5, /* "VMU" */
	0x11, 0x11, 1, 0, 0, 0, /* product, serial number */
	0, 2026 - 1990, /* made in */
	1, 4, /* EDID 1.4 */
	0xa0, /* digital, 8 bits a colour */
	32, 20, /* cm */
	120, /* gamma 2.2 */
	0x06, /* sRGB; the first timing is the native one */
	0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54, /* sRGB */
	0xa1, /* 720x400 at 70 Hz, 640x480 and 800x600 at 60 */
	0x08, /* 1024x768 at 60 */
	0};

static const struct {
	uint16_t width;
	uint8_t aspect;
} standard[EDID_STANDARDS] = {
	{1280, ASPECT_16_10},
	{1280, ASPECT_5_4},
	{1280, ASPECT_16_9},
	{1440, ASPECT_16_10},
	{1600, ASPECT_4_3},
	{1680, ASPECT_16_10},
	{1920, ASPECT_16_9},
	{1920, ASPECT_16_10},
};

/* CVT 1280x800: 83.50 MHz, 1280 1352 1480 1680, 800 803 809 831. */
static const uint8_t detailed[18] = {0x9e, 0x20, /* 10 kHz */
	1280 & 255, 400 & 255, 0x51, /* shown and blank, across */
	800 & 255, 31, 0x30, /* and down */
	72, 128, 0x36, 0, /* to the sync pulse, and its length */
	320 & 255, 200, 0x10, /* mm */
	0, 0, /* no border */
	0x1c}; /* separate syncs, vertical positive */

static const uint8_t limits[18] = {0, 0, 0, 0xfd, 0, 50, 125, /* Hz */
	30, 160, /* kHz */
	60, /* 10 MHz */
	1, '\n', ' ', ' ', ' ', ' ', ' ', ' '};

static const uint8_t name[18] = {0, 0, 0, 0xfc, 0, 'v', 'm', '-', 'u', 't', 'i',
	'l', 's', '\n', ' ', ' ', ' ', ' '};

static const uint8_t none[18] = {0, 0, 0, 0x10};

void
vga_edid(uint8_t edid[256])
{
	uint8_t sum = 0;

	memset(edid, 0, 256);
	memset(edid + 1, 0xff, 6);
	memcpy(edid + EDID_FIRST, first, sizeof(first));
	for (unsigned n = 0; n < EDID_STANDARDS; n++) {
		uint8_t *p = edid + EDID_STANDARD + 2 * n;

		p[0] = (uint8_t)(standard[n].width / 8 - 31);
		p[1] = (uint8_t)(standard[n].aspect << 6); /* at 60 Hz */
	}
	memcpy(edid + EDID_DETAILED, detailed, sizeof(detailed));
	memcpy(edid + EDID_LIMITS, limits, sizeof(limits));
	memcpy(edid + EDID_NAME, name, sizeof(name));
	memcpy(edid + EDID_NONE, none, sizeof(none));
	for (unsigned n = 0; n < EDID_SUM; n++)
		sum = (uint8_t)(sum + edid[n]);
	edid[EDID_SUM] = (uint8_t)-sum;
}
