type TenWords = readonly [string, string, string, string, string, string, string, string, string, string]

/** A demo vendor, and the words its 1,000 product names are made of. */
export interface VendorProfile {
  id: string
  number: number
  name: string
  skuPrefix: string
  words: { adjectives: TenWords; materials: TenWords; things: TenWords }
}

export const vendorProfiles: readonly VendorProfile[] = [
  {
    id: 'vendor-1',
    number: 1,
    name: 'Harbour & Pine',
    skuPrefix: 'HP',
    words: {
      adjectives: [
        'Small',
        'Large',
        'Folding',
        'Stackable',
        'Wall',
        'Corner',
        'Low',
        'Tall',
        'Rounded',
        'Slim',
      ],
      materials: ['Oak', 'Pine', 'Walnut', 'Beech', 'Ash', 'Birch', 'Rattan', 'Steel', 'Bamboo', 'Cork'],
      things: ['Shelf', 'Stool', 'Table', 'Bench', 'Lamp', 'Mirror', 'Rack', 'Box', 'Tray', 'Desk'],
    },
  },
  {
    id: 'vendor-2',
    number: 2,
    name: 'Copper Kettle',
    skuPrefix: 'CK',
    words: {
      adjectives: [
        'Everyday',
        'Classic',
        'Heavy',
        'Light',
        'Deep',
        'Shallow',
        'Twin',
        'Mini',
        'Family',
        'Travel',
      ],
      materials: [
        'Copper',
        'Enamel',
        'Glass',
        'Stoneware',
        'Cast-iron',
        'Brass',
        'Linen',
        'Ceramic',
        'Slate',
        'Maple',
      ],
      things: ['Kettle', 'Pan', 'Bowl', 'Jug', 'Plate', 'Cup', 'Board', 'Pot', 'Ladle', 'Jar'],
    },
  },
  {
    id: 'vendor-3',
    number: 3,
    name: 'Field & Thread',
    skuPrefix: 'FT',
    words: {
      adjectives: [
        'Soft',
        'Warm',
        'Striped',
        'Plain',
        'Quilted',
        'Washed',
        'Knitted',
        'Woven',
        'Checked',
        'Winter',
      ],
      materials: [
        'Wool',
        'Cotton',
        'Linen',
        'Hemp',
        'Silk',
        'Cashmere',
        'Denim',
        'Canvas',
        'Fleece',
        'Corduroy',
      ],
      things: ['Scarf', 'Blanket', 'Shirt', 'Apron', 'Jacket', 'Cushion', 'Hat', 'Bag', 'Towel', 'Throw'],
    },
  },
]
